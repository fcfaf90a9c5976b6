"""Rows drawn beside a batch that join it, as trusted and repeated ones do."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from noisewise.training.batch import Batch


def join(batch: Batch, more: Batch, ratio: float, *, known: bool = True) -> Batch:
    """The batch with rows of `more` behind it, at least one, weighted so that each counts as one row of the whole.

    Args:
        batch: B rows. more: the rows drawn beside them.
        ratio: how many of them there are in all per row of the training split.
        known: whether their index is one of this data set; otherwise the index is removed.
    """
    rows, joining = len(batch), min(len(more), max(1, math.ceil(ratio * len(batch))))
    scale = (rows + joining) / (rows * (1 + ratio))
    w = torch.cat([batch.w * scale, more.w[:joining] * scale * ratio * rows / joining])
    index = torch.cat([batch.index, more.rows[:joining]]) if known and batch.index is not None else None
    x, y = torch.cat([batch.x, more.x[:joining]]), torch.cat([batch.y, more.y[:joining]])
    return replace(batch, x=x, y=y, w=w, index=index)
