"""The four ways in which tensors cross between processes, each differentiable as often as wanted.

A *common* tensor is the same in every process, and so is its gradient; of a *part* every process has its own. Forwards
and backwards are each other's counterparts:

    spread    common -> used in parts    forward: as it is       backward: the sum over processes
    total     parts -> common            forward: their sum      backward: as it is
    divide    common -> parts            forward: own rows       backward: gather
    gather    parts -> common            forward: all rows       backward: own rows
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from noisewise.training.distributed.processes import Processes


def spread(processes: Processes, tensors: list[Tensor]) -> list[Tensor]:
    """Common tensors for use in parts; their gradients are summed over processes, all in one exchange."""
    return list(_Spread.apply(processes, *tensors))


def total(processes: Processes, tensor: Tensor) -> Tensor:
    """The sum over processes."""
    return _Total.apply(processes, tensor)


def divide(processes: Processes, tensor: Tensor) -> Tensor:
    """The rows (N, b, ...) of this process, of (N, B, ...)."""
    return _Divide.apply(processes, tensor)


def gather(processes: Processes, tensor: Tensor, rows: int) -> Tensor:
    """All rows (N, B, ...), of the rows (N, b, ...) of this process."""
    return _Gather.apply(processes, tensor, rows)


def gather_rows(processes: Processes, part: Tensor, rows: int) -> Tensor:
    """All rows (B, ...), in the memory format of the rows (b, ...) of this process; without gradients."""
    order = _in_memory(part)
    return processes.gather(part.permute(order)[None], rows)[0].permute(_inverse(order))


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, processes: Processes, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.processes, ctx.orders = processes, [_in_memory(tensor) for tensor in tensors]
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        # Axes in their order in memory, so that gradients have the strides of their tensors: fused optimisers need it.
        inner = [one.permute(order) for one, order in zip(gradients, ctx.orders, strict=True)]
        flat = total(ctx.processes, torch.cat([one.reshape(-1) for one in inner]))
        parts = zip(flat.split([one.numel() for one in inner]), inner, ctx.orders, strict=True)
        return None, *(part.view(one.shape).permute(_inverse(order)) for part, one, order in parts)


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, processes: Processes, tensor: Tensor) -> Tensor:
        return processes.total(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        return None, gradient


class _Divide(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, processes: Processes, tensor: Tensor) -> Tensor:
        ctx.processes, ctx.rows = processes, tensor.shape[1]
        return tensor[:, processes.part(tensor.shape[1])].clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        return None, gather(ctx.processes, gradient, ctx.rows)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, processes: Processes, tensor: Tensor, rows: int) -> Tensor:
        ctx.processes = processes
        return processes.gather(tensor, rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        return None, divide(ctx.processes, gradient), None


def _in_memory(tensor: Tensor) -> list[int]:
    """The axes of a tensor from the one with the largest stride to that with the smallest."""
    strides = tensor.stride()
    return sorted(range(tensor.ndim), key=lambda axis: -strides[axis])


def _inverse(order: list[int]) -> list[int]:
    return sorted(range(len(order)), key=lambda axis: order[axis])
