"""The rows of a certified review in the folder of an audit: `certify.parquet`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from noisewise.auditing.review.certify.design import design
from noisewise.auditing.review.stored import read_table
from noisewise.errors import BadInput
from noisewise.files import recover

FILE = "certify.parquet"
COLUMNS = {
    **dict.fromkeys(("order", "index", "stratum", "stratum_rows"), "whole numbers"),
    **dict.fromkeys(("suspicion", "stratum_suspicion"), "finite numbers"),
    "stratum_issues": "anything",
}


def draw(
    index: np.ndarray, suspicion: np.ndarray, is_issue: np.ndarray, *, seed: int, reviewed: np.ndarray | None = None
) -> pd.DataFrame:
    """The fixed order in which a person reviews rows to certify the noise rate.

    Args:
        index: (n,) of the rows.
        suspicion: (n,) in [0, 1].
        is_issue: (n,) bool.
        seed: of the order.
        reviewed: (n,) bool, rows whose labels are known from an earlier review and are not drawn; None where there are
            none.

    Returns:
        At most 5,000 rows in the order of drawing: `order` from 0, `index`, `suspicion`, `stratum`, and of the stratum
        its number of rows, whether they are issues, and their mean suspicion.
    """
    open_rows = np.arange(len(index)) if reviewed is None else np.flatnonzero(~reviewed)
    suspicion = np.round(np.clip(np.nan_to_num(suspicion[open_rows]).astype(float), 0.0, 1.0), 6)
    if not len(open_rows):
        return pd.DataFrame({name: np.zeros(0) for name in COLUMNS})
    found = design(suspicion, is_issue[open_rows], seed)
    stratum = found.stratum[found.order].astype(np.int64)
    mean = np.bincount(found.stratum, weights=suspicion, minlength=len(found.size)) / found.size
    return pd.DataFrame(
        {
            "order": np.arange(len(found.order)),
            "index": index[open_rows][found.order],
            "suspicion": suspicion[found.order],
            "stratum": stratum,
            "stratum_rows": found.size[stratum],
            "stratum_issues": found.named[stratum],
            "stratum_suspicion": mean[stratum],
        }
    )


def read_sample(folder: str | Path) -> pd.DataFrame:
    """The fixed order that an audit wrote.

    Raises:
        BadInput: there is none, or it was not written by an audit.
    """
    recover(folder)
    path = Path(folder) / FILE
    if not path.is_file():
        raise BadInput(f"{folder} has no {FILE}, which audits of this version write: audit the data again")
    return read_table(path, COLUMNS)
