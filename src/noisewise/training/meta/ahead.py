"""Bilevel meta-learning of stations, as a wrapper around a chain.

In every step, between the forward pass and the loss, the parameters Theta of the wrapped methods are updated on trusted
rows through one virtual step of the networks, w'(Theta) = w - a grad_w L(w, Theta) (Shu et al. 2019, equations 5 to 7).

The meta-gradient is exact and needs no second backward pass through the networks. With v = grad L_trusted(w') held
fixed,

    d L_trusted(w'(Theta)) / d Theta = -a d/dTheta <grad_w L(w, Theta), v> = -a d/dTheta [ d/de L(w + e v, Theta) ]

and the directional derivative splits at the logits z(w): it is <dL/dz(z, Theta), dz>, with dz = d/de z(w + e v), one
derivative of the networks along v. Theta acts only after the logits, so that differentiating by Theta involves no pass
through the networks. The virtual step, the derivative along v and the real step share one forward pass: both backward
passes and the derivative start from its graph.

Orders, with the passes per training row of a whole step, including the ordinary forward and backward pass; the
derivative along v costs about as much as a backward pass and is counted as one:

    exact        v = grad L_trusted(w'), as above: 2 forward, 4 backward
    first        v = grad L_trusted(w), without the virtual step: 2 forward, 3 backward
    last-layer   exact for the last linear layer, with everything before it held fixed: 2 forward, 1 backward

With `derivative="difference"` dz is (z(w + e v) - z(w)) / e, one forward pass in place of what counts as a backward
one. It is no longer exact: where the step crosses kinks or curves, as in the first steps of a network with
normalisation, it may be off by a few per cent or more.

For the last layer, dz of a row is a sum over trusted rows, dz_i = sum_j (<h_i, h_j> + 1) dL_trusted/dz_j, where h is
the layer's input (without the 1 if it has no bias), and the virtual step changes the trusted logits by the same
products. It is the cheapest case of Xu et al. (Faster Meta Update Strategy, CVPR 2021), who choose among the layers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import get_total_norm

from noisewise.bounds import one_of
from noisewise.errors import BadInput
from noisewise.models.parts import Call, linear_layers, record_calls
from noisewise.training.batch import Batch, cross_entropy
from noisewise.training.distributed import alone
from noisewise.training.distributed.processes import current
from noisewise.training.meta.tangent import NoDerivative, along, in_order
from noisewise.training.method import Chain, Gradients, Method
from noisewise.training.networks import Networks, no_trace, stateless_forward
from noisewise.training.step import objective_of, random_state, set_random_state

TRUSTED = "trusted"
ORDERS = ("exact", "first", "last-layer")
DERIVATIVES = ("exact", "difference")
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}

# How far a difference steps, as a share of the norm of the weights, by precision. With smaller steps rounding costs
# more than curvature and kinks do. Chosen on digits with 40 % wrong labels, with `lenet`, `fast` and `resnet32`.
_REACH = {"fp32": 1e-4, "bf16": 3e-3}

_UNCHANGED = ("UnsqueezeBackward0", "StackBackward0", "ToCopyBackward0", "ViewBackward0")  # operations that keep values


class LookAhead(Chain):
    """A chain with a virtual step ahead of the real one: the base of methods that learn from trusted rows.

    In a spec it encloses the other terms, so that `meta-weight-net+gce` learns weights for the GCE loss.

    Args:
        methods: the chain.
        order: of the meta-gradient, "exact", "first" or "last-layer" (see the module).
        derivative: of the logits along the trusted gradient, "exact" or "difference"; without effect on "last-layer".
    """

    bounds = {"order": one_of(*ORDERS), "derivative": one_of(*DERIVATIVES)}
    auxiliary: tuple[str, ...] = (TRUSTED,)

    def __init__(self, methods: Iterable[Method] = (), order: str = "exact", derivative: str = "exact") -> None:
        super().__init__(methods)
        self.order, self.derivative = order, derivative

    def enclose(self, methods: Iterable[Method]) -> LookAhead:
        """Append further methods to the chain.

        Args:
            methods: the methods.

        Raises:
            BadInput: methods that cannot be combined, such as two that learn from trusted rows.
        """
        others = list(methods)
        if any(isinstance(m, LookAhead) for m in others):
            raise BadInput("two methods that each learn a station on trusted rows cannot share a step: choose one")
        own = self.parts
        Chain.__init__(self, [*own, *others])  # checks the composition; not __init__ of the class, which has options
        return self

    def along_trusted(self, batch: Batch, nets: Networks, params: Gradients, reach: float) -> tuple[Batch, Tensor]:
        """Make the step's own forward pass, and differentiate its logits along the trusted gradient.

        Args:
            batch: as edited, with an auxiliary batch of trusted rows.
            nets: the networks.
            params: their trainable parameters, by name.
            reach: learning rate of the virtual step; 0 for none.

        Returns:
            The batch with logits (N, B, K) that have a graph, and their derivative (N, B, K).

        Raises:
            BadInput: the order is "last-layer" and a network does not end in a linear layer; or a network has an
                operation that cannot be differentiated twice.
        """
        if self.order == "last-layer":
            return self._along_last_layer(batch, nets, reach)
        device = batch.x.device
        state = random_state(device) if self.derivative == "difference" else None
        logits = nets(batch.x)
        virtual = params
        if reach and self.order == "exact":
            inner = torch.autograd.grad(
                logits,
                list(params.values()),
                self._pull_of_logits(batch, logits),
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
            virtual = {
                name: torch.sub(p.detach(), g, alpha=reach) for (name, p), g in zip(params.items(), inner, strict=True)
            }
        direction = trusted_gradient(nets, virtual, batch.auxiliary[TRUSTED])
        if state is None:
            tangent = directional(logits, params, direction)
        else:
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                set_random_state(state, device)  # the same dropout masks as in the step's own pass
                tangent = difference(nets, params, direction, batch.x, logits.detach())
        return replace(batch, logits=logits), tangent

    def _pull_of_logits(self, batch: Batch, logits: Tensor) -> Tensor:
        """(N, B, K) gradient of the objective by the logits."""
        with torch.enable_grad():
            z = logits.detach().requires_grad_()
            (found,) = torch.autograd.grad(objective_of(self, batch, z)[1], z)
        return found

    def _along_last_layer(self, batch: Batch, nets: Networks, reach: float) -> tuple[Batch, Tensor]:
        trusted = batch.auxiliary[TRUSTED]
        if current() is not None:  # within the step's own pass a layer sees only the rows of this process
            with alone():
                _, features = last_layer(nets, lambda: stateless_forward(nets, batch.x))
            logits = nets(batch.x)
        else:
            logits, features = last_layer(nets, lambda: nets(batch.x))
        with torch.no_grad(), alone():
            goal, others = last_layer(nets, lambda: stateless_forward(nets, trusted.x))
        products = torch.stack(
            [h @ g.T + (layer.bias is not None) for (layer, h), (_, g) in zip(features, others, strict=True)]
        )
        if reach:
            goal = goal - reach * products.mT @ self._pull_of_logits(batch, logits)
        pull = (goal.softmax(dim=-1) - trusted.y) / len(trusted)
        return replace(batch, logits=logits), products @ pull


class Learned(LookAhead):
    """Learn the parameters of the wrapped methods on trusted rows, one step of their own optimiser per training step.

    Args:
        methods: the chain whose parameters are learned.
        lr: learning rate of the method's parameters.
        weight_decay: of the method's parameters; with "adamw" a share of them per unit of `lr`, else a penalty.
        optimizer: "adam", "adamw" or "sgd" (momentum 0.9).
        order: of the meta-gradient, "exact", "first" or "last-layer" (see the module).
        derivative: of the logits along the trusted gradient, "exact" or "difference".

    Raises:
        BadInput: the chain has no parameters.
    """

    bounds = {"optimizer": one_of(*OPTIMIZERS)}

    def __init__(
        self,
        methods: Iterable[Method],
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        optimizer: str = "adam",
        order: str = "exact",
        derivative: str = "exact",
    ) -> None:
        super().__init__(methods, order, derivative)
        self.lr, self.weight_decay, self.optimizer = lr, weight_decay, optimizer
        if not any(True for _ in self.parameters()):
            raise BadInput("there is nothing to learn: none of the wrapped methods has parameters")
        self._meta_optimizer: torch.optim.Optimizer | None = None

    @property
    def meta_optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the method's parameters, made when first used, since `prepare` may replace them."""
        if self._meta_optimizer is None:
            self._meta_optimizer = OPTIMIZERS[self.optimizer](
                self.parameters(), lr=self.lr, weight_decay=self.weight_decay
            )
        return self._meta_optimizer

    def joint_groups(self) -> list[tuple[list[Tensor], float | None]]:
        return []

    def run(self, batch: Batch, nets: Networks, params: Gradients) -> Batch:
        batch, tangent = self.along_trusted(batch, nets, params, batch.clock.lr)
        knobs: list[Tensor] = [p for p in self.parameters() if p.requires_grad]
        for knob, gradient in zip(knobs, self.meta_gradient(batch, tangent, knobs), strict=True):
            knob.grad = gradient
        self.meta_optimizer.step()
        return batch

    def meta_gradient(self, batch: Batch, tangent: Tensor, knobs: list[Tensor]) -> tuple[Tensor, ...]:
        """Gradient of the trusted loss after one virtual step.

        Args:
            batch: with logits.
            tangent: (N, B, K) derivative of the logits along the trusted gradient.
            knobs: parameters of the method.

        Returns:
            One gradient per parameter.
        """
        with torch.enable_grad():
            z = batch.scores.detach().requires_grad_()
            _, objective = objective_of(self, batch, z)
            (by_logits,) = torch.autograd.grad(objective, z, create_graph=True)
            along_goal = (by_logits * tangent).sum()
            found = torch.autograd.grad(along_goal, knobs, allow_unused=True, materialize_grads=True)
        return tuple(-batch.clock.lr * gradient for gradient in found)

    def get_extra_state(self) -> dict[str, Any]:
        """State of the optimiser of the method's parameters, with which a resumed training continues exactly."""
        return {"moves": self.meta_optimizer.state_dict()}

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `get_extra_state` returned."""
        self.meta_optimizer.load_state_dict(dict(state["moves"]))


def trusted_gradient(nets: Networks, params: Gradients, trusted: Batch) -> Gradients:
    """Gradient of the mean cross entropy on a trusted batch, summed over networks. Stateless.

    Args:
        nets: the networks.
        params: their parameters, by name.
        trusted: the batch.

    Returns:
        The gradient by name of the parameter.
    """
    here = {name: p.detach().requires_grad_() for name, p in params.items()}
    with torch.enable_grad(), no_trace(nets) as buffers:
        logits = functional_call(nets, {**here, **buffers}, (trusted.x,))
        value = cross_entropy(logits, trusted.y).mean(dim=-1).sum()
        found = torch.autograd.grad(value, list(here.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(here, found, strict=True))


def last_layer(nets: Networks, run: Callable[[], Tensor]) -> tuple[Tensor, list[tuple[nn.Linear, Tensor]]]:
    """Evaluate the networks and find their last layers.

    Args:
        nets: the networks.
        run: evaluates them.

    Returns:
        Logits (N, B, K), and for every network its last linear layer with that layer's input (B, d).

    Raises:
        BadInput: a network whose logits are not the output of a trainable `nn.Linear`.
    """
    with contextlib.ExitStack() as stack:
        seen = [stack.enter_context(record_calls(linear_layers(net))) for net in nets.nets]
        logits = run()
    for number, calls in enumerate(seen):
        if not calls or (logits.grad_fn is not None and not _ends_in(logits, number, calls[-1])):
            raise BadInput("order='last-layer' needs networks that end in a trainable nn.Linear, and this one does not")
    return logits, [(cast(nn.Linear, calls[-1].module), calls[-1].input.detach().to(logits.dtype)) for calls in seen]


def _ends_in(logits: Tensor, number: int, call: Call) -> bool:
    """Whether the logits of one network are what a layer returned: a question to the graph, not to the values."""
    if not call.module.weight.requires_grad or call.output.shape != logits.shape[1:]:
        return False
    node: Any = logits.grad_fn
    while node is not None and node is not call.output.grad_fn and node.name() in _UNCHANGED:
        others = node.next_functions
        node = others[number if len(others) > 1 else 0][0]
    return node is call.output.grad_fn


def directional(logits: Tensor, params: Gradients, direction: Gradients) -> Tensor:
    """Directional derivative of logits, on the graph of the forward pass that made them. The graph is kept.

    A network with an operation that `tangent` does not know is differentiated backwards twice instead, which is slower.

    Args:
        logits: (N, B, K), with a graph.
        params: the parameters, by name.
        direction: a change of each parameter, by name.

    Returns:
        (N, B, K) the derivative.

    Raises:
        BadInput: an operation that cannot be differentiated twice.
    """
    try:
        return along(logits, {p: direction[name] for name, p in params.items()})
    except NoDerivative:
        return _twice_backwards(logits, params, direction)


def _twice_backwards(logits: Tensor, params: Gradients, direction: Gradients) -> Tensor:
    # The vector-Jacobian product s -> J^T s is linear in s, so that the derivative of <J^T s, v> by s is J v. Its value
    # at s does not matter, hence zeros.
    with torch.enable_grad():
        seed = torch.zeros_like(logits, requires_grad=True)
        try:
            pulled = torch.autograd.grad(logits, list(params.values()), seed, create_graph=True, allow_unused=True)
            used = {name: g for name, g in zip(params, pulled, strict=True) if g is not None}
            # The node that forbids a second derivative has no edge to the seed, and would go unnoticed.
            if any(node.name() == "torch::autograd::Error" for g in used.values() for node in in_order(g.grad_fn)):
                raise RuntimeError("differentiable once")
            (found,) = torch.autograd.grad(list(used.values()), seed, [direction[name] for name in used])
        except RuntimeError as error:
            raise BadInput(
                "the network has an operation that cannot be differentiated twice: use derivative=difference"
            ) from error
    return found


@torch.no_grad()
def difference(nets: Networks, params: Gradients, direction: Gradients, x: Tensor, logits: Tensor) -> Tensor:
    """Directional derivative of the logits as a difference. Stateless.

    Args:
        nets: the networks.
        params: their parameters, by name.
        direction: a change of each parameter, by name.
        x: inputs (B, ...).
        logits: (N, B, K) at `params`.

    Returns:
        (N, B, K) the derivative; 0 where the direction is 0.
    """
    here, change = [p.detach() for p in params.values()], [direction[name] for name in params]
    length = get_total_norm(change)
    size = torch.where(length > 0, _REACH[nets.precision] * get_total_norm(here) / length, 1.0)
    moved = torch._foreach_add(here, torch._foreach_mul(change, size))
    return (stateless_forward(nets, x, params=dict(zip(params, moved, strict=True))) - logits) / size
