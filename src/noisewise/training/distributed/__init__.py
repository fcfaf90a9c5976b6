"""One training over several processes, as `torchrun` starts them.

Every process draws the same batches and computes the same stations. Only the networks are divided: `Networks` gives
each process its part of the rows, and the logits of all rows come back to all. Whatever looks across rows therefore
sees the whole batch, and the result is that of one process up to rounding. Without other processes nothing here does
anything.
"""

from __future__ import annotations

from noisewise.training.distributed.division import divided, read_together
from noisewise.training.distributed.processes import (
    agreed,
    alone,
    expect_alone,
    expect_equal,
    expect_equal_weights,
    first_to_say,
    join,
    together,
    writes,
)
from noisewise.training.distributed.rows import RowPart

__all__ = [
    "RowPart",
    "agreed",
    "alone",
    "divided",
    "expect_alone",
    "expect_equal",
    "expect_equal_weights",
    "first_to_say",
    "join",
    "read_together",
    "together",
    "writes",
]
