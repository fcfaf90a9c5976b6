"""A sampler that knows which rows a batch holds, so that neither the data set nor the batch has to carry indices."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from noisewise.bounds import check, whole
from noisewise.errors import BadInput
from noisewise.training.config import seeded


class RowSampler(Sampler[int]):
    """Draws every row once per epoch, in an order that depends on the seed and the epoch alone.

    A loader consumes rows in the order in which they are drawn, also with workers and batches that are loaded ahead;
    `take` therefore returns the rows of the next batch.

    Args:
        rows: n, the number of rows of the training set.
        seed: random seed.
    """

    def __init__(self, rows: int, seed: int = 0) -> None:
        self.rows = check("RowSampler", "rows", rows, whole(1))
        self.seed = check("RowSampler", "seed", seed, whole(0))
        self.epoch = 0
        self._drawn: deque[int] = deque()

    def __repr__(self) -> str:
        return f"RowSampler({self.rows:,} rows, seed {self.seed}, epoch {self.epoch})"

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[int]:
        rng = torch.Generator().manual_seed(seeded(self.seed, "rows", str(self.epoch)))
        self._drawn.clear()
        for row in torch.randperm(self.rows, generator=rng).tolist():
            self._drawn.append(row)
            yield row

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch, counted from 0; both libraries call it."""
        self.epoch = epoch

    def take(self, count: int) -> Tensor:
        """(count,) the rows of the next batch.

        Args:
            count: of rows in the batch.

        Raises:
            BadInput: fewer rows have been drawn: the batch is not from a loader with this sampler.
        """
        if len(self._drawn) < count:
            raise BadInput(
                f"a batch has {count} rows, but the sampler has drawn {len(self._drawn)} more: give the training "
                "loader `sampler=` of the NoisyLoss, and call the loss once per batch"
            )
        return torch.tensor([self._drawn.popleft() for _ in range(count)])
