"""Memories with K numbers for every row of the data set, of which each process keeps its part of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from noisewise.training.distributed.processes import Processes, current


@dataclass(frozen=True)
class RowPart:
    """Which rows of a memory this process keeps; all of them where it trains alone.

    A memory is a tensor (..., kept, K). Where it is divided, its last row stands for all rows of other processes: what
    is written there is never read, and no step has to select rows, which would wait for a GPU.

    Attributes:
        rows: of the data set.
        processes: among which they are divided; None where they are not.
    """

    rows: int
    processes: Processes | None

    @classmethod
    def of(cls, rows: int) -> RowPart:
        """The part of this process, among those that train together now."""
        processes = current()
        return cls(rows, processes if processes is not None and rows >= processes.count else None)

    @property
    def kept(self) -> int:
        """How many rows the memory of this process has."""
        return self.rows if self.processes is None else self.processes.sizes(self.rows)[self.processes.rank] + 1

    def read(self, memory: Tensor, index: Tensor) -> Tensor:
        """What is remembered of some rows, in every process alike.

        Args:
            memory: (..., kept, K).
            index: (B,) of the rows, the same in every process.

        Returns:
            (..., B, K).
        """
        if self.processes is None:
            return memory[..., index, :]
        at = self._places(index)
        own = (at < memory.shape[-2] - 1)[:, None]
        return self.processes.total(torch.where(own, memory[..., at, :], torch.zeros_like(memory[..., :1, :])))

    def write(self, memory: Tensor, index: Tensor, values: Tensor) -> None:
        """Remember `values` (..., B, K) of the rows `index` (B,)."""
        memory[..., self._places(index), :] = values

    def add(self, memory: Tensor, index: Tensor, values: Tensor) -> None:
        """Add `values` (..., B, K) to what is remembered of the rows `index` (B,)."""
        memory[..., self._places(index), :] += values

    def whole(self, memory: Tensor) -> Tensor:
        """All rows of a memory (kept, ...) or (N, kept, K), in every process; all processes must ask for it."""
        if self.processes is None:
            return memory
        if memory.ndim == 3:
            return self.processes.gather(memory[:, : self.kept - 1], self.rows)
        return self.processes.gather(memory[None, : self.kept - 1], self.rows)[0]

    def store_whole(self, module: nn.Module, name: str) -> None:
        """Make checkpoints hold all rows of a buffer, so that any number of processes can go on from them.

        Args:
            module: that keeps the memory.
            name: of its buffer.
        """
        if self.processes is None:
            return
        own = self.processes.part(self.rows)

        def save(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
            if current() is not None:
                state[prefix + name] = self.whole(state[prefix + name])

        def load(module: nn.Module, state: Mapping[str, Any], prefix: str, *others: Any) -> None:
            if prefix + name in state and isinstance(state, dict):
                here = state[prefix + name][..., own, :]
                state[prefix + name] = torch.cat([here, torch.zeros_like(here[..., :1, :])], dim=-2)

        module.register_state_dict_post_hook(save)
        module.register_load_state_dict_pre_hook(load)

    def _places(self, index: Tensor) -> Tensor:
        """(B,) the row of the memory for each row of the data set."""
        if self.processes is None:
            return index
        own = self.processes.part(self.rows)
        elsewhere = own.stop - own.start
        return torch.where((index >= own.start) & (index < own.stop), index - own.start, elsewhere)
