"""Bilevel meta-learning of stations, as a wrapper around a chain.

Before every step, the parameters Theta of the wrapped methods are updated on trusted rows through one virtual step of
the networks, w'(Theta) = w - a grad_w L(w, Theta) (Shu et al. 2019, equations 5 to 7).

The meta-gradient is exact and needs no second backward pass through the networks. With v = grad L_trusted(w') held
fixed,

    d L_trusted(w'(Theta)) / d Theta = -a d/dTheta <grad_w L(w, Theta), v> = -a d/dTheta [ d/de L(w + e v, Theta) ]

and the directional derivative splits at the logits z(w): it is <dL/dz(z, Theta), dz>, with dz = d/de z(w + e v), one
forward-mode derivative of the networks. Theta acts only after the logits, so that differentiating by Theta involves no
pass through the networks.

Orders, with the passes per training row of a whole step, including the ordinary forward and backward pass:

    exact        v = grad L_trusted(w'), as above: 5 forward, 3 backward
    first        v = grad L_trusted(w), without the virtual step: 4 forward, 2 backward
    last-layer   exact for the last linear layer, with everything before it held fixed: 3 forward, 1 backward

For the last layer, dz of a row is a sum over trusted rows, dz_i = sum_j (<h_i, h_j> + 1) dL_trusted/dz_j, where h is
the layer's input (without the 1 if it has no bias), and the virtual step changes the trusted logits by the same
products. It is the cheapest case of Xu et al. (Faster Meta Update Strategy, CVPR 2021), who choose among the layers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp

from noisewise.bounds import one_of
from noisewise.errors import BadInput
from noisewise.models.parts import linear_layers, record_calls
from noisewise.training.batch import Batch, cross_entropy
from noisewise.training.distributed import alone
from noisewise.training.method import Chain, Gradients, Method
from noisewise.training.networks import Networks, no_trace, stateless_forward
from noisewise.training.step import objective_of

TRUSTED = "trusted"
ORDERS = ("exact", "first", "last-layer")


class LookAhead(Chain):
    """A chain with a virtual step ahead of the real one: the base of methods that learn from trusted rows.

    In a spec it encloses the other terms, so that `meta-weight-net+gce` learns weights for the GCE loss.

    Args:
        methods: the chain.
        order: of the meta-gradient, "exact", "first" or "last-layer" (see the module).
    """

    bounds = {"order": one_of(*ORDERS)}
    auxiliary: tuple[str, ...] = (TRUSTED,)

    def __init__(self, methods: Iterable[Method] = (), order: str = "exact") -> None:
        super().__init__(methods)
        self.order = order

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

    def along_trusted(self, batch: Batch, nets: Networks, reach: float) -> tuple[Tensor, Tensor]:
        """Logits (N, B, K) at the present weights and their derivative along the trusted gradient.

        Args:
            batch: with an auxiliary batch of trusted rows.
            nets: the networks.
            reach: learning rate of the virtual step; 0 for none.

        Raises:
            BadInput: the order is "last-layer" and a network does not end in a linear layer.
        """
        if self.order == "last-layer":
            return self._along_last_layer(batch, nets, reach)
        params = {name: p.detach() for name, p in nets.trainable().items()}
        virtual = params
        if reach and self.order == "exact":
            inner = _pull(nets, params, lambda z: objective_of(self, batch, z)[1], batch.x)
            virtual = {name: p - reach * inner[name] for name, p in params.items()}
        return directional(nets, params, trusted_gradient(nets, virtual, batch.auxiliary[TRUSTED]), batch.x)

    def _along_last_layer(self, batch: Batch, nets: Networks, reach: float) -> tuple[Tensor, Tensor]:
        trusted = batch.auxiliary[TRUSTED]
        logits, features = last_layer(nets, batch.x)
        goal, others = last_layer(nets, trusted.x)
        products = torch.stack(
            [h @ g.T + (layer.bias is not None) for (layer, h), (_, g) in zip(features, others, strict=True)]
        )
        if reach:
            with torch.enable_grad():
                z = logits.requires_grad_()
                (inner,) = torch.autograd.grad(objective_of(self, batch, z)[1], z)
            goal = goal - reach * products.mT @ inner
        pull = (goal.softmax(dim=-1) - trusted.y) / len(trusted)
        return logits.detach(), products @ pull


class Learned(LookAhead):
    """Learn the parameters of the wrapped methods on trusted rows, one step of their own optimiser per training step.

    Args:
        methods: the chain whose parameters are learned.
        lr: learning rate of the method's parameters.
        weight_decay: of the method's parameters.
        optimizer: "adam" or "sgd" (momentum 0.9).
        order: of the meta-gradient, "exact", "first" or "last-layer" (see the module).

    Raises:
        BadInput: the chain has no parameters.
    """

    bounds = {"optimizer": one_of("adam", "sgd")}

    def __init__(
        self,
        methods: Iterable[Method],
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        optimizer: str = "adam",
        order: str = "exact",
    ) -> None:
        super().__init__(methods, order)
        self.lr, self.weight_decay, self.optimizer = lr, weight_decay, optimizer
        if not any(True for _ in self.parameters()):
            raise BadInput("there is nothing to learn: none of the wrapped methods has parameters")
        self._meta_optimizer: torch.optim.Optimizer | None = None

    @property
    def meta_optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the method's parameters, made when first used, since `prepare` may replace them."""
        if self._meta_optimizer is None:
            if self.optimizer == "adam":
                self._meta_optimizer = torch.optim.Adam(self.parameters(), self.lr, weight_decay=self.weight_decay)
            else:
                self._meta_optimizer = torch.optim.SGD(
                    self.parameters(), self.lr, momentum=0.9, weight_decay=self.weight_decay
                )
        return self._meta_optimizer

    def joint_groups(self) -> list[tuple[list[Tensor], float | None]]:
        return []

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        batch = super().edit(batch, nets, rng)
        knobs: list[Tensor] = [p for p in self.parameters() if p.requires_grad]
        for knob, gradient in zip(knobs, self.meta_gradient(batch, nets, knobs), strict=True):
            knob.grad = gradient
        self.meta_optimizer.step()
        return batch

    def meta_gradient(self, batch: Batch, nets: Networks, knobs: list[Tensor]) -> tuple[Tensor, ...]:
        """Gradient of the trusted loss after one virtual step.

        Args:
            batch: with an auxiliary batch of trusted rows.
            nets: the networks.
            knobs: parameters of the method.

        Returns:
            One gradient per parameter.
        """
        logits, tangent = self.along_trusted(batch, nets, batch.clock.lr)
        with torch.enable_grad():
            z = logits.detach().requires_grad_()
            _, objective = objective_of(self, batch, z)
            (by_logits,) = torch.autograd.grad(objective, z, create_graph=True)
            along = (by_logits * tangent.detach()).sum()
            found = torch.autograd.grad(along, knobs, allow_unused=True, materialize_grads=True)
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
    return _pull(nets, params, lambda z: cross_entropy(z, trusted.y).mean(dim=-1).sum(), trusted.x)


def _pull(nets: Networks, params: Gradients, objective: Any, x: Tensor) -> Gradients:
    here = {name: p.detach().requires_grad_() for name, p in params.items()}
    with torch.enable_grad(), no_trace(nets) as buffers:
        value = objective(functional_call(nets, {**here, **buffers}, (x,)))
        found = torch.autograd.grad(value, list(here.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(here, found, strict=True))


def last_layer(nets: Networks, x: Tensor) -> tuple[Tensor, list[tuple[nn.Linear, Tensor]]]:
    """Evaluate the networks statelessly and find their last layers.

    Args:
        nets: the networks.
        x: inputs (B, ...).

    Returns:
        Logits (N, B, K), and for every network its last linear layer with that layer's input (B, d).

    Raises:
        BadInput: a network whose logits are not the output of a trainable `nn.Linear`.
    """
    with contextlib.ExitStack() as stack:
        seen = [stack.enter_context(record_calls(linear_layers(net))) for net in nets.nets]
        with torch.no_grad(), alone():  # what is recorded must be of all rows
            logits = stateless_forward(nets, x)
    for calls, z in zip(seen, logits, strict=True):
        if not calls or not calls[-1].module.weight.requires_grad or not _same(calls[-1].output, z):
            raise BadInput("order='last-layer' needs networks that end in a trainable nn.Linear, and this one does not")
    return logits, [(cast(nn.Linear, calls[-1].module), calls[-1].input.to(logits.dtype)) for calls in seen]


def _same(output: Tensor, logits: Tensor) -> bool:
    return output.shape == logits.shape and torch.equal(output.to(logits.dtype).nan_to_num(), logits.nan_to_num())


def directional(nets: Networks, params: Gradients, direction: Gradients, x: Tensor) -> tuple[Tensor, Tensor]:
    """Directional derivative of the logits by forward-mode differentiation. Stateless.

    A network with an operation that has no forward-mode derivative is differentiated backwards twice instead.

    Args:
        nets: the networks.
        params: their parameters, by name.
        direction: a change of each parameter, by name.
        x: inputs (B, ...).

    Returns:
        Logits (N, B, K) at `params`, and their derivative along `direction`.
    """
    point = {name: p.detach() for name, p in params.items()}
    with no_trace(nets) as buffers:

        def outputs(p: Gradients) -> Tensor:
            return functional_call(nets, {**p, **buffers}, (x,))

        try:
            with torch.random.fork_rng(devices=[]):
                logits, tangent = jvp(outputs, (point,), (direction,))[:2]
                return logits, tangent
        except RuntimeError:
            return _twice_backwards(outputs, point, direction)


def _twice_backwards(outputs: Any, params: Gradients, direction: Gradients) -> tuple[Tensor, Tensor]:
    # The vector-Jacobian product s -> J^T s is linear in s, so that the derivative of <J^T s, v> by s is J v. Its value
    # at s does not matter, hence zeros.
    with torch.enable_grad():
        here = {name: p.requires_grad_() for name, p in params.items()}
        logits = outputs(here)
        seed = torch.zeros_like(logits, requires_grad=True)
        pulled = torch.autograd.grad(
            logits, list(here.values()), seed, create_graph=True, allow_unused=True, materialize_grads=True
        )
        along = torch.stack([(g * direction[name]).sum() for name, g in zip(here, pulled, strict=True)]).sum()
        (tangent,) = torch.autograd.grad(along, seed)
    return logits.detach(), tangent
