"""Batch normalisation by the statistics of the rows of all processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from noisewise.training.distributed.exchange import gather, spread
from noisewise.training.distributed.processes import Processes


def batch_norm(
    processes: Processes,
    rows: int,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`torch.nn.functional.batch_norm` of a part of a batch by the statistics of the whole.

    Args:
        processes: that divide the batch.
        rows: of the whole batch.
        x: (b, C, ...) the part of this process.
        running_mean: as in torch, as are the others.
        running_var: likewise.
        weight: likewise.
        bias: likewise.
        training: likewise; in evaluation nothing is exchanged.
        momentum: likewise.
        eps: likewise.
    """
    if not training:
        return functional.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    per_row = x.numel() // x.shape[1] // len(x)
    counts = [size * per_row for size in processes.sizes(rows)]
    y, mean, var = _Fused.apply(processes, counts, x, weight, bias, eps)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            unbiased = var * (sum(counts) / (sum(counts) - 1))
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    return y


def _by_steps(
    processes: Processes, counts: list[int], x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The normalised part, and mean and variance of the whole; differentiable as often as wanted."""
    axes, shape = [axis for axis in range(x.ndim) if axis != 1], [1, -1, *[1] * (x.ndim - 2)]
    z = x if x.dtype == torch.float64 else x.float()
    mean = z.mean(axes)
    squares = (z - mean.view(shape)).square().sum(axes)
    every = spread(processes, [gather(processes, torch.cat([mean, squares])[None, None], processes.count)])[0]
    mean, var = _of_all(counts, every[0])
    scale = (var + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return (z * scale.view(shape) + shift.view(shape)).to(x.dtype), mean, var


def _of_all(counts: list[int], every: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the whole, from (processes, 2 C) means and sums of squares about them.

    Sums of squares about 0 would cancel (Chan, Golub and LeVeque, 1983).
    """
    means, squares = every.chunk(2, dim=1)
    share = torch.tensor(counts, dtype=every.dtype).to(every.device, non_blocking=True)[:, None] / sum(counts)
    mean = (share * means).sum(dim=0)
    return mean, squares.sum(dim=0) / sum(counts) + (share * (means - mean).square()).sum(dim=0)


class _Fused(torch.autograd.Function):
    """The same by torch's fused passes, a third of the work; a second derivative goes by steps."""

    @staticmethod
    def forward(
        ctx: Any,
        processes: Processes,
        counts: list[int],
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        # In half precision the statistics are in single precision, as those of these weights are.
        ones = torch.ones(x.shape[1], dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
        _, mean, inverse = torch.native_batch_norm(x, ones, ones, None, None, True, 0.0, eps)
        squares = (inverse.square().reciprocal() - eps) * counts[processes.rank]
        every = processes.gather(torch.cat([mean, squares])[None, None], processes.count)
        mean, var = _of_all(counts, every[0])
        y = functional.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)
        ctx.processes, ctx.counts, ctx.eps = processes, counts, eps
        ctx.save_for_backward(x, weight, bias, mean, var)
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, var = ctx.saved_tensors
        wanted = [one for one, needed in zip((x, weight, bias), ctx.needs_input_grad[2:5], strict=True) if needed]
        if torch.is_grad_enabled():  # a graph of the gradient is wanted
            with torch.enable_grad():
                y = _by_steps(ctx.processes, ctx.counts, x, weight, bias, ctx.eps)[0]
            found = list(torch.autograd.grad(y, wanted, gradient, create_graph=True))
            return None, None, *(found.pop(0) if needed else None for needed in ctx.needs_input_grad[2:5]), None
        inverse = (var + ctx.eps).rsqrt()
        scale = inverse if weight is None else inverse * weight
        ones = torch.ones_like(mean) if weight is None else weight
        by_x, by_weight, by_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, ones, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        sums = ctx.processes.total(torch.cat([by_bias, by_weight])) / sum(ctx.counts)
        in_all, along = sums.chunk(2)
        # What the mean and the variance change: per channel a constant and a multiple of the normalised part.
        by_x -= functional.batch_norm(x, mean, var, scale * along, scale * in_all, False, 0.0, ctx.eps)
        return (
            None,
            None,
            by_x,
            by_weight if ctx.needs_input_grad[3] else None,
            by_bias if ctx.needs_input_grad[4] else None,
            None,
        )
