"""CSV for a spreadsheet: one line per row, with two empty columns to fill in."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from noisewise.auditing.review.exchange.content import cells
from noisewise.auditing.review.exchange.queue import Queue
from noisewise.data.row_names import name_columns
from noisewise.errors import BadInput
from noisewise.files import write_csv

PREFIX = "data."


def export(queue: Queue, out: Path) -> list[Path]:
    """Write the queue as CSV: `index`, empty `decision` and `label`, names of the row, what was found, its columns.

    The row's own columns have the prefix "data." so that they are not mistaken for the others.

    Raises:
        BadInput: `out` does not end in .csv, or cannot be written.
    """
    if out.suffix != ".csv":
        raise BadInput(f"out={out} must end in .csv")
    frame = queue.rows[[*name_columns(queue.rows, "given"), "given", "suggested"]].copy()
    if queue.purpose == "labels":  # whoever certifies a rate should not know what is suspected
        frame = frame.assign(suspicion=queue.rows["suspicion"], expected_gain=queue.rows["gain"])
    frame.insert(1, "decision", "")
    frame.insert(2, "label", "")
    known = pd.DataFrame(cells(queue.data, queue.positions)).add_prefix(PREFIX)
    write_csv(out, pd.concat([frame, known], axis=1))
    return [out]
