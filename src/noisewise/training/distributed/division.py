"""Networks whose rows are divided among processes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from noisewise.data.rows import Rows
from noisewise.training.distributed.batch_norm import batch_norm
from noisewise.training.distributed.exchange import divide, gather, gather_rows, spread
from noisewise.training.distributed.processes import Processes, alone, current


def divided(nets: nn.Module, x: Tensor) -> Tensor | None:
    """Logits of a batch, of which every process computes its part.

    Args:
        nets: networks, (B, ...) inputs to (N, B, K) logits.
        x: (B, ...) inputs, the same in every process.

    Returns:
        (N, B, K) logits of all rows, in every process; None where this process is to compute all of them: no others
        have joined, there are fewer rows than processes, or a network has an attribute `divisible` that is False, as
        one must whose forward pass looks across rows other than by batch normalisation.
    """
    processes = current()
    if processes is None or len(x) < processes.count:
        return None
    modules = list(nets.modules())
    if not all(getattr(module, "divisible", True) for module in modules):
        return None
    own = divide(processes, x[None])[0] if x.requires_grad else x[processes.part(len(x))]
    with alone(), _spread_weights(processes, modules), _AcrossProcesses(processes, len(x)):
        logits = nets(own)
    return gather(processes, logits, len(x))


@contextlib.contextmanager
def _spread_weights(processes: Processes, modules: list[nn.Module]) -> Iterator[None]:
    """Within the block the parameters of modules are tensors whose gradients are summed over processes.

    `functional_call` does the same, but takes as long as a hundred operations on a network of fifty layers.
    """
    if not torch.is_grad_enabled():
        yield
        return
    places = [(m._parameters, name, p) for m in modules for name, p in m._parameters.items() if p is not None]
    places = [place for place in places if place[2].requires_grad]
    moving: list[Tensor] = list({id(parameter): parameter for _, _, parameter in places}.values())  # a shared one once
    common = dict(zip(map(id, moving), spread(processes, moving), strict=True)) if moving else {}
    for parameters, name, parameter in places:
        parameters[name] = common[id(parameter)]  # type: ignore[assignment]
    try:
        yield
    finally:
        for parameters, name, parameter in places:
            parameters[name] = parameter


def read_together(rows: Rows, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """`Rows.stream`, where rows that are read from disk are read by one process each, and sent to the others.

    Args:
        rows: of a split.
        order: (m,) positions of rows, the same in every process.
        size: rows per batch.

    Yields:
        Positions (B,) and raw inputs (B, ...), the same in every process.
    """
    processes = current()
    if processes is None or rows.resident:
        yield from rows.stream(order, size)
        return
    for at, raw in rows.stream(order, size, processes.part):
        yield at, gather_rows(processes, raw, len(at))


class _AcrossProcesses(TorchFunctionMode):
    """Batch normalisation by the statistics of the whole batch, and dropout by masks of the whole batch.

    Args:
        processes: that divide the batch.
        rows: of the whole batch.
    """

    def __init__(self, processes: Processes, rows: int) -> None:
        super().__init__()
        self._processes, self._rows = processes, rows

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is functional.batch_norm:
            return batch_norm(self._processes, self._rows, *args, **given)
        if func in _DROPOUTS:
            return self._dropout(func, *args, **given)
        return func(*args, **given)

    def _dropout(
        self, func: Callable[..., Tensor], x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not training or not p:
            return func(x, p, training, inplace)
        # Every process draws the mask of all rows, as one process would, and takes its own part.
        layout = torch.channels_last if _is_channels_last(x) else torch.contiguous_format
        whole = torch.empty(self._rows, *x.shape[1:], dtype=x.dtype, device=x.device, memory_format=layout)
        mask = func(whole.fill_(1.0), p, True)[self._processes.part(self._rows)]
        return x.mul_(mask) if inplace else x * mask


_DROPOUTS = (functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d)


def _is_channels_last(x: Tensor) -> bool:
    return x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
