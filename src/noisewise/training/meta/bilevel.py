"""The derivative of a goal by the hyper-parameters of a training, in the four forms of the literature.

Weights w (P,) descend a training loss L(w, h) with hyper-parameters h (M,); a goal E(w) judges the result, for example
the loss on trusted rows. With gradient descent and momentum,

    s_{t+1} = b s_t + grad L(w_t, h),    w_{t+1} = w_t - a s_{t+1}

- `by_forward`: Franceschi, Donini, Frasconi and Pontil, Forward and Reverse Gradient-Based Hyperparameter
  Optimization, ICML 2017, equations 13 to 15. Z_t = dw_t/dh follows the training: dE(w_T)/dh = grad E(w_T) Z_T. The
  memory is that of M copies of the weights, for any number of steps.
- `by_reverse`: Maclaurin, Duvenaud and Adams, Gradient-based Hyperparameter Optimization through Reversible Learning,
  ICML 2015, algorithm 2 (algorithm 1 of Franceschi et al.). The training is walked back from its end, at a cost that
  does not depend on M. Here all weights are kept in memory.
- `at_minimum`: Pedregosa, Hyperparameter Optimization with Approximate Gradient, ICML 2016, equation 3. At a minimum
  of L, dE/dh = -(d^2L/dh dw) H^-1 grad E, where H is the Hessian of L in w. H^-1 grad E comes from conjugate
  gradients, or from a Neumann series, sum_k (I - a H)^k a grad E (Lorraine, Vicol and Duvenaud, AISTATS 2020,
  equation 4).
- `of_last_step`: the effect of h on the last step alone, as in Luketina, Berglund, Greff and Raiko, Scalable
  Gradient-Based Tuning of Continuous Regularization Hyperparameters, ICML 2016, equation 5.

The first two are exact for the training as it is; the third is exact at a minimum, and needs no training's path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, jvp, vjp

from noisewise.errors import BadInput

TOLERANCE = 1e-10
STEPS = 1000


@dataclass(frozen=True)
class Bilevel:
    """A training loss with hyper-parameters, and the goal that judges what it leads to.

    Attributes:
        loss: maps weights (P,) and hyper-parameters (M,) to the training loss.
        goal: maps weights (P,) to the loss that the hyper-parameters are to lower.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    goal: Callable[[Tensor], Tensor]

    def descend(self, start: Tensor, hyper: Tensor, steps: int, lr: float, momentum: float = 0.0) -> Tensor:
        """Train without a derivative.

        Args:
            start: (P,) initial weights.
            hyper: (M,).
            steps: of gradient descent.
            lr: learning rate.
            momentum: of the descent.

        Returns:
            (P,) the weights after the last step.
        """
        w, speed = start, torch.zeros_like(start)
        for _ in range(steps):
            speed = momentum * speed + grad(self.loss)(w, hyper)
            w = w - lr * speed
        return w

    def by_forward(
        self, start: Tensor, hyper: Tensor, steps: int, lr: float, momentum: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Train, and carry the derivative of the weights along.

        Args:
            start: (P,) initial weights.
            hyper: (M,).
            steps: of gradient descent.
            lr: learning rate.
            momentum: of the descent.

        Returns:
            (P,) the weights after the last step, and (M,) the derivative of the goal there.
        """
        units = torch.eye(len(hyper), dtype=hyper.dtype)
        w, speed = start, torch.zeros_like(start)
        by_h = [torch.zeros_like(start) for _ in units]  # of the weights, one for each hyper-parameter
        speeds = [torch.zeros_like(start) for _ in units]
        for _ in range(steps):
            now = grad(self.loss)
            turned = [jvp(now, (w, hyper), (z, unit))[:2] for z, unit in zip(by_h, units, strict=True)]
            speeds = [momentum * s + change for s, (_, change) in zip(speeds, turned, strict=True)]
            speed = momentum * speed + turned[0][0]
            by_h = [z - lr * s for z, s in zip(by_h, speeds, strict=True)]
            w = w - lr * speed
        return w, torch.stack(by_h) @ grad(self.goal)(w)

    def by_reverse(
        self, start: Tensor, hyper: Tensor, steps: int, lr: float, momentum: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Train, and walk the training back from its end.

        Args:
            start: (P,) initial weights.
            hyper: (M,).
            steps: of gradient descent.
            lr: learning rate.
            momentum: of the descent.

        Returns:
            What `by_forward` returns.
        """
        path, speed = [start], torch.zeros_like(start)
        for _ in range(steps):
            speed = momentum * speed + grad(self.loss)(path[-1], hyper)
            path.append(path[-1] - lr * speed)
        pull = grad(self.goal)(path[-1])  # of the goal by the weights, and by the speed
        pull_speed, found = torch.zeros_like(start), torch.zeros_like(hyper)
        for w in reversed(path[:-1]):
            pull_speed = pull_speed - lr * pull
            by_w, by_h = self._second(w, hyper)(pull_speed)
            found, pull, pull_speed = found + by_h, pull + by_w, momentum * pull_speed
        return path[-1], found

    def at_minimum(
        self,
        w: Tensor,
        hyper: Tensor,
        solver: str = "conjugate-gradients",
        steps: int = STEPS,
        lr: float | None = None,
        tolerance: float = TOLERANCE,
    ) -> Tensor:
        """The derivative of the goal at a minimum of the training loss.

        Args:
            w: (P,) the minimum.
            hyper: (M,).
            solver: "conjugate-gradients", or "neumann".
            steps: the most products with the Hessian.
            lr: of the Neumann series; its product with the largest eigenvalue of the Hessian must be below 2.
            tolerance: of the residual, as a share of the gradient of the goal.

        Returns:
            (M,) the derivative.

        Raises:
            BadInput: an unknown solver, or a Neumann series without `lr`.
        """
        gradient, second = grad(self.goal)(w), self._second(w, hyper)

        def along(vector: Tensor) -> Tensor:
            return second(vector)[0]

        if solver == "conjugate-gradients":
            solved = conjugate_gradients(along, gradient, steps, tolerance)
        elif solver == "neumann" and lr is not None:
            solved = torch.zeros_like(w)
            for _ in range(steps):
                left = gradient - along(solved)
                solved = solved + lr * left
                if left.norm() <= tolerance * gradient.norm():
                    break
        else:
            raise BadInput(f"solver={solver!r} must be conjugate-gradients, or neumann with lr={lr!r} a number")
        return -second(solved)[1]

    def of_last_step(self, before: Tensor, hyper: Tensor, lr: float) -> Tensor:
        """(M,) the derivative of the goal by hyper-parameters that act on one step of gradient descent alone.

        Args:
            before: (P,) the weights before that step.
            hyper: (M,).
            lr: learning rate.
        """
        after = before - lr * grad(self.loss)(before, hyper)
        return -lr * self._second(before, hyper)(grad(self.goal)(after))[1]

    def _second(self, w: Tensor, hyper: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Multiplies (P,) vectors with the Hessian in the weights, and with the mixed second derivative."""
        back: Callable[[Tensor], tuple[Tensor, Tensor]] = vjp(grad(self.loss), w, hyper)[1]
        return back


def conjugate_gradients(along: Callable[[Tensor], Tensor], goal: Tensor, steps: int, tolerance: float) -> Tensor:
    """Solve A x = b for a positive definite A.

    Args:
        along: multiplies A with a (P,) vector.
        goal: (P,) b.
        steps: the most products.
        tolerance: of the residual, as a share of b.

    Returns:
        (P,) x; the last one where A turned out not to be positive definite.
    """
    found, left = torch.zeros_like(goal), goal.clone()
    toward, size = left.clone(), left @ left
    end = tolerance**2 * size
    for _ in range(steps):
        if size <= end:
            break
        product = along(toward)
        bend = toward @ product
        if bend <= 0:
            break
        share = size / bend
        found, left = found + share * toward, left - share * product
        size, before = left @ left, size
        toward = left + size / before * toward
    return found
