"""The stations behind the logits for several replicas at once, where their methods differ in memory alone."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from noisewise.training.batch import Batch, Drawn
from noisewise.training.method import Method, changes
from noisewise.training.replicas.stack import lent, stacked
from noisewise.training.step import objective_of

State = dict[str, Tensor]
_PLAIN = (bool, int, float, str, type(None))
_TENSORS = ("x", "y", "index", "w")  # of a batch as it was edited
_FOUND = ("y", "loss", "w")  # by the stations
# Of the largest value: vmap may choose another operation, never another formula.
_CLOSE = 1e-5


class SharedStations:
    """The pure stations and the memories of R methods of one form (see `form_of_method`), by `torch.func.vmap`.

    Args:
        methods: of one form; within `held` their memories are slices of common tensors.

    Attributes:
        state: (R, ...) the memories, by their name in one method.
    """

    def __init__(self, methods: Sequence[Method]) -> None:
        self._methods, self._base = list(methods), methods[0]
        self.state = {
            name: stacked([dict(method.named_buffers())[name] for method in methods])
            for name, _ in methods[0].named_buffers()
        }
        self._observes = changes(self._base, "observe")

    @contextmanager
    def held(self) -> Iterator[None]:
        """The methods' own memories are slices of the common ones within the block."""
        with lent(
            (method.get_buffer(name), whole[number])
            for number, method in enumerate(self._methods)
            for name, whole in self.state.items()
        ):
            yield

    def judge(self, batches: Sequence[Batch], logits: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Target, loss, weight and penalty of all.

        Args:
            batches: as edited, one for each method.
            logits: (R, N, B, K).

        Returns:
            The tensors `y`, `loss` and `w` of the evaluated batches, with a leading axis R; and the (R,) objectives.
        """
        like, weighted = _bare(batches[0]), any(batch.weighted for batch in batches)

        def one(state: State, given: State, labels: Tensor | None, scores: Tensor) -> tuple[State, Tensor]:
            drawn = None if labels is None else Drawn(labels, given["y"], None if weighted else given["w"])
            with _remembering(self._base, state):
                evaluated, objective = objective_of(self._base, _with(like, {**given, "drawn": drawn}), scores)
            return {name: getattr(evaluated, name) for name in _FOUND}, objective

        known = [batch.labels for batch in batches]
        labels = torch.stack([one for one in known if one is not None]) if all(x is not None for x in known) else None
        dims = (0, 0, None if labels is None else 0, 0)
        found, objectives = vmap(one, dims, randomness="error")(self.state, _gathered(batches), labels, logits)
        return found, objectives

    def observe(self, batches: Sequence[Batch], found: State, logits: Tensor) -> None:
        """Write all memories, from detached tensors."""
        if not self._observes:
            return
        like = _bare(batches[0])

        def one(state: State, given: State, scores: Tensor) -> State:
            with _remembering(self._base, state) as after:
                self._base.observe(_with(like, {**given, "logits": scores}))
                return after()

        moved = vmap(one, randomness="error")(self.state, {**_gathered(batches), **found}, logits)
        for name, tensor in moved.items():  # memories that are other tensors afterwards
            self.state[name].copy_(tensor)


def form_of_method(method: Method) -> Hashable | None:
    """What methods must agree in to share their stations; None for those that cannot.

    A method with parameters or a station for gradients acts alone, and so does one that keeps what is neither a plain
    value nor a buffer: nobody could say whether two of them are equal.
    """
    if any(True for _ in method.parameters()) or changes(method, "gradient"):
        return None
    settings = _settings(method)
    shapes = [(name, buffer.shape, buffer.dtype) for name, buffer in method.named_buffers()]
    return None if settings is None else repr((settings, shapes))


def can_share(methods: Sequence[Method], batches: Sequence[Batch], logits: Tensor) -> tuple[bool, bool]:
    """Whether shared stations do what each method does alone, tried on copies of the methods.

    Args:
        methods: of one form.
        batches: as edited, one for each.
        logits: (R, N, B, K).

    Returns:
        Whether the pure stations can be shared, and whether memories can be written together too.
    """
    if any(batch.auxiliary or batch.info for batch in batches) or not alike(batches):
        return False, False
    ours, theirs = copy.deepcopy(list(methods)), copy.deepcopy(list(methods))
    before, logits = _settings(ours[0]), logits.detach()
    shared = SharedStations(ours)
    judged = _attempted(shared.judge, batches, logits)
    if judged is None or _settings(ours[0]) != before:
        return False, False
    found, objectives = judged
    alone = [objective_of(*each) for each in zip(theirs, batches, logits, strict=True)]
    pairs = [(objectives[number], one) for number, (_, one) in enumerate(alone)]
    pairs += [(found[name][number], getattr(one, name)) for number, (one, _) in enumerate(alone) for name in _FOUND]
    if not all(_close(*pair) for pair in pairs):
        return False, False
    written = _attempted(shared.observe, batches, found, logits) is not None and _settings(ours[0]) == before
    for number, (method, (evaluated, _)) in enumerate(zip(theirs, alone, strict=True)):
        method.observe(evaluated)
        memories = [(shared.state[name][number], memory) for name, memory in method.named_buffers()]
        written = written and _settings(method) == before and all(_close(*pair) for pair in memories)
    return True, written


def _attempted(call: Callable[..., Any], *given: Any) -> Any:
    """What a call returns, True for nothing; None where it cannot be made for several at once, or only one by one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = call(*given)
    except Exception:  # whatever a method does
        return None
    return True if found is None else found


def _close(found: Tensor, expected: Tensor) -> bool:
    if found.shape != expected.shape or not expected.is_floating_point():
        return torch.equal(found, expected)
    scale = float(expected.detach().nan_to_num(0, 0, 0).abs().max()) if expected.numel() else 0.0
    return torch.allclose(found, expected, rtol=0, atol=_CLOSE * max(scale, _CLOSE), equal_nan=True)


def alike(batches: Sequence[Batch]) -> bool:
    """Whether batches differ in the values of tensors alone, apart from the learning rate on the clock."""
    forms = set()
    for batch in batches:
        tensors = [None if getattr(batch, name) is None else getattr(batch, name).shape for name in _TENSORS]
        forms.add((repr(replace(batch.clock, lr=0.0)), repr(tensors)))
    return len(forms) == 1


def _bare(batch: Batch) -> Batch:
    """A batch without what belongs to one replica: a station that asks for its learning rate gets no number."""
    return replace(batch, clock=replace(batch.clock, lr=float("nan")), view=None, strong=None, drawn=None)


def _with(batch: Batch, given: Mapping[str, Any]) -> Batch:
    """A batch with other tensors, by name."""
    return replace(batch, **given)


def _gathered(batches: Sequence[Batch]) -> State:
    present = [name for name in _TENSORS if getattr(batches[0], name) is not None]
    return {name: torch.stack([getattr(batch, name) for batch in batches]) for name in present}


@contextmanager
def _remembering(method: nn.Module, state: State) -> Iterator[Any]:
    """Other tensors in place of a module's buffers; yields a function that returns those that were exchanged since."""
    homes = {}
    for name in state:
        path, _, leaf = name.rpartition(".")
        homes[name] = (method.get_submodule(path)._buffers, leaf)
    own = {name: buffers[leaf] for name, (buffers, leaf) in homes.items()}
    for name, (buffers, leaf) in homes.items():
        buffers[leaf] = state[name]

    def exchanged() -> State:
        present = {name: buffers[leaf] for name, (buffers, leaf) in homes.items()}
        return {name: tensor for name, tensor in present.items() if tensor is not None and tensor is not state[name]}

    try:
        yield exchanged
    finally:
        for name, (buffers, leaf) in homes.items():
            buffers[leaf] = own[name]


def _settings(method: nn.Module) -> str | None:
    """All that a method and its parts keep besides tensors that are buffers; None where it is not plain."""
    found = []
    for name, module in method.named_modules():
        own = {key: value for key, value in vars(module).items() if key not in _OF_MODULES}
        if not all(map(_is_plain, own.values())):
            return None
        found.append((name, type(module), module.training, sorted(own.items())))
    return repr(found)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    if is_dataclass(value) and not isinstance(value, type) and value.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return all(_is_plain(getattr(value, one.name)) for one in fields(value))
    return isinstance(value, _PLAIN)


_OF_MODULES = frozenset(vars(nn.Module()))
