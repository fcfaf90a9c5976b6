"""Hypergradients: the learning rate and the weight decay follow the derivative of a loss by them, while training.

A step is w_t = w_{t-1} - a (m grad L(w_{t-1}) + d w_{t-1}), with the schedule's learning rate a, a learned multiplier
m and a learned weight decay d, one for all weights or one per layer or tensor. Before every step both move against
their hypergradient, the derivative of a goal E at the present weights: the training loss, or the loss on trusted
rows. Its form:

    one-step    the last step alone: dE/dm = -a <grad L(w_{t-1}), grad E(w_t)>, dE/dd = -a <w_{t-1}, grad E(w_t)>.
                Baydin et al., Hypergradient Descent, ICLR 2018 (arXiv 1703.04782), algorithm 4 (SGD-HD); for decays
                Luketina et al., ICML 2016, equation 5
    unrolled    all steps since the start: dE/dh = <Z_t, grad E(w_t)> with Z_t = dw_t/dh, which is carried along.
                Franceschi, Donini, Frasconi and Pontil, ICML 2017, equation 13 and section 3.3 (real-time)
    implicit    a minimum of the training loss, as if training with this d had ended there:
                dE/dd = -<w, (m H + d)^-1 grad E>. Pedregosa, ICML 2016, equation 3; the inverse by a Neumann series,
                Lorraine, Vicol and Duvenaud, AISTATS 2020, continued from step to step

m <- m (1 - r cos) and d <- d (1 - r cos), where cos is the hypergradient over the norms of its two factors: for one
step m <- m (1 + r cos(w_{t-1} - w_t, g)) and d <- d (1 + r cos(w_{t-1}, g)) with g = grad E. w_{t-1} - w_t is the
step of the optimiser, with its momentum. `rule=additive` is algorithm 4 as written, a m <- a m + r <u_{t-1}, g>,
whose rate r needs tuning for every problem. Decay improves generalisation, not the training loss, so it is learned on
trusted rows only. One step is short-sighted for it: smaller weights raise the loss at once, and lower it only later,
by what is not memorised.

m scales the gradient and d w is added to it; the optimiser's own decay is unchanged. Adam divides by the size of the
gradient, so m has almost no effect there, and `unrolled` follows SGD alone (clipping is not followed). Passes per
row: 1 forward and 1 backward; one more of each with trusted rows; `unrolled` adds 1 and 1 + 2 n for n learned
numbers, `implicit` 1 and 3 per term.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from noisewise.bounds import between, check, one_of, whole
from noisewise.errors import BadInput
from noisewise.training.batch import Batch
from noisewise.training.meta import TRUSTED, trusted_gradient
from noisewise.training.meta.followed import Curve, Descent, Unrolled, solved
from noisewise.training.method import Gradients, LearningTask, Method, MethodCard, Regrad
from noisewise.training.networks import Networks
from noisewise.training.optim import momentum

_TINY = 1e-30


def inner(one: Gradients, other: Gradients) -> Tensor:
    """The inner product of two sets of tensors with the same names."""
    return torch.stack([(one[name] * other[name]).sum() for name in one]).sum()


def cosine(one: Gradients, other: Gradients) -> Tensor:
    """The cosine of the angle between two sets of tensors; 0 where one of them is zero."""
    return inner(one, other) / (inner(one, one) * inner(other, other)).sqrt().clamp_min(_TINY)


GROUPS: dict[str, Callable[[str], str]] = {
    "all": lambda name: "all",
    "layer": lambda name: name.rpartition(".")[0],
    "tensor": lambda name: name,
}
_MULTIPLIER = "multiplier"


class Hypergradient(Method):
    """Gradient station: learns a multiplier of the learning rate, and weight decays.

    Args:
        learn: "lr", "weight-decay" or "both".
        on: "training" or "trusted", the rows whose loss is minimised; None is "training" for lr alone, else "trusted".
        rate: r, how fast they change.
        rule: "multiplicative" or "additive", for the learning rate.
        bound: m stays in [1 / bound, bound].
        decay: initial d; it stays in [decay / 100, 100 decay].
        form: of the hypergradient, "one-step", "unrolled" or "implicit".
        per: which parameters have a decay of their own, "all" (one for all), "layer" or "tensor".
        terms: of the Neumann series, per step, for "implicit".

    Raises:
        BadInput: options that do not go together, such as a weight decay to be learned on the training loss.
    """

    card = MethodCard(
        "hypergradient",
        "The learning rate follows its own gradient: it rises while successive steps agree and falls when they "
        "cancel. On trusted rows weight decays can be learned the same way, by their effect on one step, on the whole "
        "training so far, or on its end.",
        "Baydin, Cornish, Martinez Rubio, Schmidt and Wood, Online Learning Rate Adaptation with Hypergradient "
        "Descent, ICLR 2018",
        2018,
        "m <- m (1 + r cos(w_{t-1} - w_t, grad L(w_t)))",
        departures="it multiplies the schedule's learning rate, within bounds; the multiplicative rule is the default; "
        "the step is the optimiser's, momentum included; weight decay and trusted rows are extensions; `unrolled` "
        "(Franceschi et al., ICML 2017) and `implicit` (Pedregosa, ICML 2016) update during one training",
    )
    bounds = {
        "learn": one_of("lr", "weight-decay", "both"),
        "on": one_of("training", TRUSTED) | None,
        "rate": between(0, 1e9),
        "rule": one_of("multiplicative", "additive"),
        "bound": between(1, 1e6),
        "decay": between(1e-12, 1),
        "form": one_of("one-step", "unrolled", "implicit"),
        "per": one_of(*GROUPS),
        "terms": whole(1),
    }
    multiplier: Tensor
    decay: Tensor
    last_lr: Tensor

    def __init__(
        self,
        learn: str = "lr",
        on: str | None = None,
        rate: float = 0.02,
        rule: str = "multiplicative",
        bound: float = 10.0,
        decay: float = 5e-4,
        form: str = "one-step",
        per: str = "all",
        terms: int = 1,
    ) -> None:
        super().__init__()
        if rule == "multiplicative":
            check("hypergradient", "rate", rate, between(0, 0.5))
        elif form != "one-step":
            raise BadInput(f"hypergradient: form={form!r} needs rule='multiplicative'")
        if learn != "lr" and on == "training":
            raise BadInput(f"hypergradient: learn={learn!r} needs on='trusted'")
        if learn != "weight-decay" and form == "implicit":
            raise BadInput(f"hypergradient: form='implicit' has no learning rate to learn: learn={learn!r}")
        self.learns_lr, self.learns_decay = learn != "weight-decay", learn != "lr"
        self.trusts = on == TRUSTED or learn != "lr"
        self.auxiliary = (TRUSTED,) if self.trusts else ()
        self.rate, self.rule, self.bound, self.start = rate, rule, bound, decay
        self.form, self.per, self.terms = form, per, terms
        self._goal: Gradients = {}
        self._known = _Known()
        self._next: tuple[Tensor, _Known] | None = None
        self._task: LearningTask | None = None

    def prepare(self, task: LearningTask) -> None:
        """Allocate m, d and the learning rate of the last step.

        Raises:
            BadInput: an optimiser that `form` cannot follow.
        """
        if self.form == "unrolled" and task.config is not None and task.config.optimizer not in ("sgd", "nesterov"):
            raise BadInput(f"hypergradient: form='unrolled' follows SGD, not optimizer={task.config.optimizer!r}")
        device, self._task = task.given.device, task
        self.register_buffer("multiplier", torch.ones((), device=device))
        self.register_buffer("decay", torch.tensor(self.start if self.learns_decay else 0.0, device=device))
        self.register_buffer("last_lr", torch.zeros((), device=device))

    @property
    def decays(self) -> dict[str, Tensor]:
        """The present weight decay of every group of parameters; before the first step, of none."""
        return dict(self._known.decays)

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        """Compute the gradient on trusted rows, where it is needed."""
        if self.trusts:
            self._goal = trusted_gradient(nets, nets.trainable(), batch.auxiliary[TRUSTED])
        return batch

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        goal, lr = self._goal if self.trusts else gradients, batch.clock.lr
        groups = {name: GROUPS[self.per](name) for name in params}
        known = self._known.on(params)
        m, decays = self.multiplier, known.decays or dict.fromkeys(groups.values(), self.decay)
        if known.before:
            m = self._next_multiplier(known, goal, params, lr) if self.learns_lr else m
            decays = self._next_decays(known, goal, params, groups) if self.learns_decay else decays
        own = {name: decays[group] for name, group in groups.items()}
        # `gradient` must not write memory: `observe`, at the end of the step, does.
        after = _Known({name: p.detach().clone() for name, p in params.items()}, decays)
        if self.form != "one-step":
            descent = self._descent(batch)
            curve = Curve(regrad, params, m, {name: d + descent.weight_decay for name, d in own.items()})
            if self.form == "unrolled":
                after.unrolled = known.unrolled.stepped(curve, self._pushes(gradients, params, groups), descent)
            else:
                rate = lr / (1 + descent.momentum)  # what a step with momentum bears, a series may not
                after.series = solved(known.series, curve, goal, rate, self.terms)
        self._next = m, after
        return {name: m * g + own[name] * params[name] for name, g in gradients.items()}

    def _next_multiplier(self, known: _Known, goal: Gradients, params: Gradients, lr: float) -> Tensor:
        m = self.multiplier
        if self.form == "unrolled":
            m = m * (1 - self.rate * cosine(known.unrolled.weights[_MULTIPLIER], goal))
        else:
            moved = {name: known.before[name] - p for name, p in params.items()}
            if self.rule == "multiplicative":
                m = m * (1 + self.rate * cosine(moved, goal))
            else:
                m = m + self.rate * inner(moved, goal) / (lr * self.last_lr * m).clamp_min(_TINY)
        return m.clamp(1 / self.bound, self.bound)

    def _next_decays(
        self, known: _Known, goal: Gradients, params: Gradients, groups: Mapping[str, str]
    ) -> dict[str, Tensor]:
        found = {}
        for group, d in known.decays.items():
            members = [name for name in params if groups[name] == group]
            if self.form == "unrolled":
                falls = -cosine(known.unrolled.weights[group], goal)
            else:
                weights = params if self.form == "implicit" else known.before
                pull = known.series if self.form == "implicit" else goal
                falls = cosine({name: weights[name] for name in members}, {name: pull[name] for name in members})
            found[group] = (d * (1 + self.rate * falls)).clamp(self.start / 100, self.start * 100)
        return found

    def _pushes(self, gradients: Gradients, params: Gradients, groups: Mapping[str, str]) -> dict[str, Gradients]:
        """By what is learned, how it acts on the gradient of one step."""
        found = {_MULTIPLIER: dict(gradients)} if self.learns_lr else {}
        if self.learns_decay:
            for name, group in groups.items():
                found.setdefault(group, {})[name] = params[name].detach()
        return found

    def _descent(self, batch: Batch) -> Descent:
        config = self._task.config if self._task is not None else None
        if config is None:
            return Descent(batch.clock.lr)
        return Descent(
            batch.clock.lr, momentum(config, batch.clock.progress), config.optimizer == "nesterov", config.weight_decay
        )

    def observe(self, batch: Batch) -> None:
        if self._next is not None:
            m, self._known = self._next
            self.multiplier.copy_(m)
            every = list(self._known.decays.values())
            self.decay.copy_(every[0] if len(every) == 1 else torch.stack(every).log().mean().exp())
            self.last_lr.fill_(batch.clock.lr)
            self._next = None

    def get_extra_state(self) -> dict[str, Any]:
        """What is known of the last step, from which a resumed training continues exactly."""
        return self._known.state()

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `get_extra_state` returned."""
        self._known = _Known.of(state)


@dataclass(eq=False)
class _Known:
    """What a step leaves to the next.

    Attributes:
        before: the weights before it, by name.
        decays: by group.
        unrolled: derivatives of the weights.
        series: v of the implicit form.
    """

    before: Gradients = field(default_factory=dict)
    decays: dict[str, Tensor] = field(default_factory=dict)
    unrolled: Unrolled = field(default_factory=Unrolled)
    series: Gradients = field(default_factory=dict)

    def on(self, params: Gradients) -> _Known:
        """With the device and the precision of the parameters, which a checkpoint need not have."""
        if not self.before:
            return self
        like = next(iter(params.values()))
        moved = _moved(self.state(), like)
        return _Known.of(moved)

    def state(self) -> dict[str, Any]:
        """As plain dicts of tensors."""
        return {
            "before": self.before,
            "decays": self.decays,
            "weights": dict(self.unrolled.weights),
            "speeds": dict(self.unrolled.speeds),
            "series": self.series,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> _Known:
        """From what `state` gave."""
        return cls(
            dict(state["before"]),
            dict(state["decays"]),
            Unrolled(dict(state["weights"]), dict(state["speeds"])),
            dict(state["series"]),
        )


def _moved(state: Any, like: Tensor) -> Any:
    if isinstance(state, Tensor):
        return state.to(like)
    return {name: _moved(value, like) for name, value in state.items()}
