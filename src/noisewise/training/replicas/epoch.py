"""One epoch of several trainings as one computation.

The step is that of `training.step`, station by station. The forward and backward pass of the networks and the
optimiser's step are made for all replicas at once; edits, the stations behind the logits, memories and the ledger are
each replica's own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from noisewise.training.batch import Batch, Clock
from noisewise.training.config import Config
from noisewise.training.ledger import Ledger
from noisewise.training.method import Gradients, Method, changes
from noisewise.training.networks import Learner
from noisewise.training.optim import schedule
from noisewise.training.replicas.optimizer import StackedOptimizer, course_of
from noisewise.training.replicas.stack import Draws, Stack, can_stack, form_of, has_dropout
from noisewise.training.replicas.stations import SharedStations, alike, can_share, form_of_method
from noisewise.training.step import (
    LateCheck,
    check_weights,
    clip,
    compute_objective,
    detached,
    objective_of,
    random_state,
    regrad_of,
    total_epochs,
    train_epoch,
)
from noisewise.training.streams import Streams


@dataclass(eq=False)
class Epoch:
    """One replica's next epoch: what `train_epoch` is called with.

    Attributes:
        config: the settings.
        learner: its weights and optimiser are updated; `epochs_done` is not.
        method: the method or chain.
        streams: the batches.
        ledger: observes every step.
        joint: the optimiser of the method's own parameters.
    """

    config: Config
    learner: Learner
    method: Method
    streams: Streams
    ledger: Ledger
    joint: torch.optim.Optimizer | None = None

    @property
    def form(self) -> Hashable:
        """Epochs of equal forms can be trained as one; None for one that has to be trained alone."""
        nets, optimizer = self.learner.nets, self.learner.optimizer
        if changes(self.method, "run"):
            return None  # it makes the forward pass itself
        if len(optimizer.param_groups) > 1 or (len(nets) > 1 and has_dropout(nets)):
            return None  # several networks draw their masks one network after the other
        return form_of(nets), self.streams.rows, self.streams.size, str(self.streams.drawn.device), type(optimizer)

    @property
    def course(self) -> str:
        """Replicas of equal courses share a parameter group."""
        return course_of(self.learner, self.config)

    @property
    def seed(self) -> int:
        """Of all random numbers of the epoch, as in `train_epoch`."""
        return self.config.seed_of(self.learner.name, self.learner.epochs_done)


def train_alone(epoch: Epoch) -> Iterator[float]:
    """Train one epoch on its own; as `train_epoch`."""
    return train_epoch(epoch.config, epoch.learner, epoch.method, epoch.streams, epoch.ledger, epoch.joint)


def can_train_stacked(epochs: Sequence[Epoch]) -> bool:
    """Whether the networks of epochs of one form can compute as one, which is tried on two rows."""
    rows = epochs[0].streams.drawn
    _, raw = next(rows.stream(torch.arange(2), 2))
    return can_stack([epoch.learner.nets for epoch in epochs[:2]], rows.prepare(raw, None))


def train_stacked(
    epochs: Sequence[Epoch], known: dict[Hashable, tuple[bool, bool]] | None = None
) -> tuple[list[Exception | None], Draws]:
    """Train epochs of one form as one computation.

    Args:
        epochs: of equal `form`; those of equal `course` stand side by side.
        known: what `can_share` found in earlier epochs, by form; completed here.

    Returns:
        For each the exception that ended it, or None: `Diverged`, or what its method raised. And the random states that
        they end with.
    """
    draws = Draws([epoch.seed for epoch in epochs], epochs[0].streams.drawn.device)
    for epoch in epochs:
        epoch.learner.nets.train()
        epoch.method.train()
        epoch.ledger.flush()
    stack = Stack([epoch.learner.nets for epoch in epochs])
    optimizer = StackedOptimizer(stack, [epoch.learner for epoch in epochs], [epoch.course for epoch in epochs])
    with ExitStack() as held:
        held.enter_context(stack.held())
        replicas = [_Replica(epoch, number, stack, draws) for number, epoch in enumerate(epochs)]
        groups: list[_Group] | None = None
        for number in range(epochs[0].streams.steps):
            live = [one for one in replicas if one.tried(one.begin, number, draws=one.edits or one.corrects)]
            if not live:
                break
            logits = _forward(live, stack, draws)
            if groups is None:
                groups = _grouped(live, logits, {} if known is None else known)
                for group in groups:
                    held.enter_context(group.stations.held())
            _step(live, groups, logits, stack, optimizer)
        for one in replicas:
            one.tried(one.end, draws=False)
            one.close()
    optimizer.give_back()
    return [one.error for one in replicas], draws


def _forward(live: list[_Replica], stack: Stack, draws: Draws) -> Tensor | None:
    """(R, N, B, K) logits of all replicas; None where edits have left different numbers of rows."""
    if len({one.batch.x.shape for one in live}) > 1:
        return None
    inputs = {one.number: one.batch.x for one in live}
    idle = live[0].batch.x  # replicas that have ended compute on, and nothing is read
    return stack.forward([inputs.get(number, idle) for number in range(len(draws))], draws)


def _step(
    live: list[_Replica], groups: list[_Group], logits: Tensor | None, stack: Stack, optimizer: StackedOptimizer
) -> None:
    """One step of the replicas that have a batch; their backward pass is one."""
    sharing = [] if logits is None else [group for group in groups if group.can_step()]
    shared = [one for group in sharing for one in group.replicas]
    alone = [one for one in live if one not in shared]
    objectives = [group.judge(logits) for group in sharing if logits is not None]
    for one in alone:
        one.tried(one.judge, None if logits is None else logits[one.number])
    alone = [one for one in alone if one.error is None]
    objectives += [one.objective[None] for one in alone]
    if not objectives:
        return
    wanted = [] if logits is None else list(stack.params.values())
    own = [] if logits is not None else [p for one in alone for p in one.params.values()]
    joint = [p for one in alone for p in one.joint]
    pulled = torch.autograd.grad(
        torch.cat(objectives).sum(), [*wanted, *own, *joint], allow_unused=True, materialize_grads=True
    )
    with torch.no_grad():
        if wanted:
            torch._foreach_copy_(optimizer.gradients, pulled[: len(wanted)])
        rest = iter(pulled[len(wanted) :])
        if logits is None:
            for one in alone:
                one.put([next(rest) for _ in one.params], optimizer.gradients)
        for one in (*shared, *alone):
            one.joint_gradients = [next(rest) for _ in one.joint]
            one.tried(one.change, optimizer.gradients, draws=one.corrects)
        optimizer.step()
        remembered = [one for group in sharing if group.observe() for one in group.replicas]
        for one in (*shared, *alone):
            one.tried(one.observe, one in remembered, draws=one not in remembered)


def _grouped(live: Sequence[_Replica], logits: Tensor | None, known: dict[Hashable, tuple[bool, bool]]) -> list[_Group]:
    """Replicas whose methods can share their stations, tried on their first batches."""
    forms: dict[tuple[Hashable, tuple[int, int]], list[_Replica]] = {}
    for one in live:
        if logits is not None and (form := form_of_method(one.epoch.method)) is not None:
            place = one.epoch.learner.epochs_done, total_epochs(one.epoch.config, one.epoch.learner)
            forms.setdefault((form, place), []).append(one)
    groups = []
    for (form, _), members in forms.items():
        key = form, members[0].epoch.form
        if logits is not None and len(members) > 1:
            if key not in known:
                known[key] = _tried_to_share(members, logits)
            stations, memories = known[key]
            groups += [_Group(members, len(logits), memories)] if stations else []
    return groups


def _tried_to_share(replicas: Sequence[_Replica], logits: Tensor) -> tuple[bool, bool]:
    """What `can_share` finds on the present batches."""
    methods, batches = [one.epoch.method for one in replicas], [one.batch for one in replicas]
    with torch.random.fork_rng([logits.device] if logits.device.type == "cuda" else []):
        return can_share(methods, batches, torch.stack([logits[one.number] for one in replicas]))


class _Group:
    """Replicas that share their stations.

    Args:
        replicas: of one form of method.
        count: how many replicas there are in all.
        observes: whether memories are written together too.
    """

    def __init__(self, replicas: Sequence[_Replica], count: int, observes: bool) -> None:
        self.replicas, self._observes = list(replicas), observes
        self.stations = SharedStations([one.epoch.method for one in replicas])
        numbers, device = [one.number for one in replicas], replicas[0].batch.x.device
        # Made once: a step that copied a list of numbers to the device would wait for it.
        self._at = None if numbers == list(range(count)) else torch.tensor(numbers, device=device)

    def can_step(self) -> bool:
        """Whether all of its replicas have a batch of one shape."""
        return all(one.error is None for one in self.replicas) and alike([one.batch for one in self.replicas])

    def judge(self, logits: Tensor) -> Tensor:
        """(r,) objectives of its replicas."""
        self._logits = logits if self._at is None else logits.index_select(0, self._at)
        self._found, objectives = self.stations.judge([one.batch for one in self.replicas], self._logits)
        scores, seen = self._logits.detach(), objectives.detach()
        # Memories that each replica writes itself may depend on what the stations found.
        found = {} if self._observes else {name: tensor.detach() for name, tensor in self._found.items()}
        for place, one in enumerate(self.replicas):
            mine: dict[str, Any] = {name: tensor[place] for name, tensor in found.items()}
            one.judged(replace(one.batch, logits=scores[place], **mine), seen[place])
        return objectives

    def observe(self) -> bool:
        """Write the memories of its replicas, unless each writes its own; returns whether it did."""
        if not self._observes:
            return False
        found = {name: tensor.detach() for name, tensor in self._found.items()}
        self.stations.observe([one.batch for one in self.replicas], found, self._logits.detach())
        return True


@dataclass(eq=False)
class _Replica:
    """One replica's part of the steps of an epoch."""

    epoch: Epoch
    number: int
    stack: Stack
    draws: Draws
    error: Exception | None = None
    batch: Batch = field(init=False)
    objective: Tensor = field(init=False)
    joint_gradients: Sequence[Tensor] = ()

    def __post_init__(self) -> None:
        one = self.epoch
        order, self._rng = torch.Generator().manual_seed(one.seed + 1), torch.Generator().manual_seed(one.seed + 2)
        self._batches: Generator[Batch] = one.streams.epoch(order)  # type: ignore[assignment]
        self._late, self._known = LateCheck(), one.ledger.knows(one.streams.drawn.index)
        self._epochs = total_epochs(one.config, one.learner)
        self.edits, self.corrects = changes(one.method, "edit"), changes(one.method, "gradient")
        self.params, self.joint = one.learner.nets.trainable(), one.method.joint_parameters()

    def tried(self, act: Callable[..., None], *given: object, draws: bool = True) -> bool:
        """Do a part of a step; an exception ends this replica alone.

        Args:
            act: the part.
            *given: its arguments.
            draws: whether it may draw from the replica's own random state.
        """
        if self.error is None:
            try:
                if draws:
                    with self.draws.of(self.number):
                        act(*given)
                else:
                    act(*given)
            except Exception as error:
                self.error = error
        return self.error is None

    def begin(self, number: int) -> None:
        """Draw the batch, set the learning rate, edit."""
        one, steps = self.epoch, self.epoch.streams.steps
        drawn = next(self._batches)
        done = (one.learner.epochs_done + number / steps) / self._epochs
        lr = schedule(one.learner.optimizer, one.config, done, self._epochs)
        self._index = drawn.index
        timed = replace(drawn, clock=Clock(one.learner.epochs_done, self._epochs, number, steps, lr))
        self._before = random_state(drawn.x.device) if self.corrects else None
        self.batch = timed
        if self.edits:
            with torch.no_grad():
                self.batch = one.method.edit(timed, one.learner.nets, self._rng)

    def judge(self, logits: Tensor | None) -> None:
        """The pure stations, from (N, B, K) logits; None makes the forward pass here."""
        method = self.epoch.method
        if logits is None:
            evaluated, self.objective = compute_objective(self.epoch.learner.nets, method, self.batch)
        else:
            evaluated, self.objective = objective_of(method, self.batch, logits)
        self.judged(detached(evaluated), self.objective.detach())

    def judged(self, evaluated: Batch, objective: Tensor) -> None:
        """Keep a batch after the stations, detached, and look at the objective when the epoch ends."""
        self._evaluated = evaluated
        self._late(objective, self.batch.clock)

    def put(self, gradients: Sequence[Tensor], into: Sequence[Tensor]) -> None:
        """Write this replica's gradients, in the order of its parameters, into the stacked ones."""
        for place, gradient in zip(self._places(into).values(), gradients, strict=True):
            place.copy_(gradient)

    def _places(self, stacked: Sequence[Tensor]) -> Gradients:
        return self.stack.slices(stacked, self.number)

    def change(self, stacked: Sequence[Tensor]) -> None:
        """The gradient station and clipping, on this replica's part of the stacked gradients."""
        one, limit = self.epoch, self.epoch.config.clip_norm
        if self.corrects:
            places = self._places(stacked)
            given = {name: gradient.clone() for name, gradient in places.items()}
            regrad = regrad_of(one.learner.nets, one.method, self.batch, self._before)
            changed = one.method.gradient(given, self.params, regrad, self._evaluated)
            self.put([changed[name] for name in self.params], stacked)
        if limit is not None:
            clip(list(self._places(stacked).values()), limit)
        for parameter, gradient in zip(self.joint, self.joint_gradients, strict=True):
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        if one.joint is not None:
            one.joint.step()

    def observe(self, shared: bool) -> None:
        """The ledger, and memories that are not shared."""
        one, stepped = self.epoch, self._evaluated
        if not shared:
            one.method.observe(stepped)
        one.ledger.observe(stepped, known=self._known and stepped.index is self._index)

    def end(self) -> None:
        """Raise for a loss or a weight that is not finite."""
        self._late.finish()
        check_weights(self.epoch.learner)

    def close(self) -> None:
        """Stop reading."""
        self._batches.close()
