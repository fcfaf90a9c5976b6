"""Shared by glc, resampling and smote: rows of an auxiliary batch join the training batch."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from noisewise.training.batch import Batch


def join(batch: Batch, more: Batch, ratio: float, *, known: bool = True) -> Batch:
    """Append rows of `more` to the batch, at least one, weighted so that each counts as one row of the whole.

    Args:
        batch: B rows of the training split.
        more: rows of an auxiliary batch.
        ratio: total number of auxiliary rows per row of the training split.
        known: whether the index of `more` names rows of the training split; otherwise the index is removed.
    """
    rows, joining = len(batch), min(len(more), max(1, math.ceil(ratio * len(batch))))
    scale = (rows + joining) / (rows * (1 + ratio))
    w = torch.cat([batch.w * scale, more.w[:joining] * scale * ratio * rows / joining])
    index = torch.cat([batch.index, more.rows[:joining]]) if known and batch.index is not None else None
    x, y = torch.cat([batch.x, more.x[:joining]]), torch.cat([batch.y, more.y[:joining]])
    return replace(batch, x=x, y=y, w=w, index=index)
