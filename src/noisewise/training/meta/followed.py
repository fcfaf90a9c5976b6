"""Derivatives of a training by its hyper-parameters that are carried along with it, step by step.

A step moves the weights by the gradient that the optimiser receives, G = m grad L(w) + d w, with hyper-parameters m
and d (per part of the weights). With momentum b and learning rate a,

    s <- b s + G,    w <- w - a s        (Nesterov: w <- w - a (G + b s))

`Unrolled` differentiates these lines by every hyper-parameter (Franceschi et al., ICML 2017, equation 13): Z = dw/dh
becomes what the same lines make of dG/dh = m H Z + d Z + (grad L by m, w by d). It costs one product with the Hessian
H of the batch for every hyper-parameter. `Implicit` supposes a minimum instead, where dE/dd = -<w, v> with (m H + d)
v = grad E (Pedregosa, ICML 2016, equation 3), and carries v from step to step, v <- v + a' (grad E - (m H + d) v): a
Neumann series over the batches, at one product for any number of decays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from noisewise.training.method import Gradients, Regrad


@dataclass(frozen=True)
class Descent:
    """What a step of SGD makes of the gradient.

    Attributes:
        lr: learning rate.
        momentum: b.
        nesterov: whether it looks ahead.
        weight_decay: of the optimiser, beyond that of the gradient.
    """

    lr: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0


@dataclass(frozen=True, eq=False)
class Curve:
    """The derivative of the gradient that the optimiser receives, by the weights.

    Attributes:
        regrad: products with the Hessian of the batch.
        params: the weights, by name.
        multiplier: m.
        decays: of every parameter, by name; that of the optimiser included.
    """

    regrad: Regrad
    params: Gradients
    multiplier: Tensor
    decays: Mapping[str, Tensor | float]

    def along(self, directions: list[Gradients]) -> list[Gradients]:
        """(m H + d) times each direction."""
        products = self.regrad.curved(self.params, directions)
        return [
            {name: self.multiplier * h + self.decays[name] * one[name] for name, h in product.items()}
            for product, one in zip(products, directions, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Unrolled:
    """Derivatives of the present weights by hyper-parameters that were constant since the start.

    Attributes:
        weights: by hyper-parameter, the derivative of every parameter by name.
        speeds: the same of the optimiser's momentum.
    """

    weights: Mapping[str, Gradients] = field(default_factory=dict)
    speeds: Mapping[str, Gradients] = field(default_factory=dict)

    def stepped(self, curve: Curve, pushes: Mapping[str, Gradients], descent: Descent) -> Unrolled:
        """After one more step.

        Args:
            curve: at the weights before the step.
            pushes: by hyper-parameter, the derivative of the optimiser's gradient by it, where it acts.
            descent: the step.
        """
        none = {name: torch.zeros_like(p) for name, p in curve.params.items()}
        known = [self.weights.get(knob, none) for knob in pushes]
        moves = curve.along(known) if self.weights else [none] * len(known)  # nothing has moved before the first step
        weights, speeds = {}, {}
        for (knob, push), z, move in zip(pushes.items(), known, moves, strict=True):
            turn = {name: change + push[name] if name in push else change for name, change in move.items()}
            before = self.speeds.get(knob, none)
            speed = {name: descent.momentum * before[name] + change for name, change in turn.items()}
            ahead = speed
            if descent.nesterov:
                ahead = {name: turn[name] + descent.momentum * change for name, change in speed.items()}
            weights[knob] = {name: z[name] - descent.lr * change for name, change in ahead.items()}
            speeds[knob] = speed
        return Unrolled(weights, speeds)


def solved(start: Gradients, curve: Curve, goal: Gradients, rate: float, terms: int) -> Gradients:
    """Terms of the Neumann series of (m H + d)^-1 grad E, continued from what earlier batches gave.

    Args:
        start: the sum so far; empty before the first.
        curve: at the present weights.
        goal: grad E, by name.
        rate: a', below 2 over the largest eigenvalue.
        terms: to add.
    """
    if not start:
        return {name: rate * g for name, g in goal.items()}
    for _ in range(terms):
        (product,) = curve.along([start])
        start = {name: v + rate * (goal[name] - product[name]) for name, v in start.items()}
    return start
