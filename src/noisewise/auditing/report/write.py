"""The files of an audit, written all or none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from noisewise.auditing.report.markdown import render_markdown
from noisewise.auditing.report.page import render
from noisewise.auditing.result import AuditResult
from noisewise.auditing.review.certify.sample import FILE
from noisewise.data.save import save, suffix_for
from noisewise.files import to_json, whole_folder, write_csv

PART = 2**18  # rows written at a time
# What not every audit writes: those of an earlier audit in the same folder must not be taken for this one's.
OPTIONAL = (
    "unlabelled.csv",
    "unlabelled.parquet",
    "cleaned.npz",
    "cleaned.parquet",
    "conditions.csv",
    "conditions.parquet",
)


def write_report(result: AuditResult, folder: Path) -> Path:
    """Write `summary`, `issues`, `conditions`, `certify`, `report.html` and the `cleaned` data into a folder.

    Args:
        result: of an audit.
        folder: where.

    Returns:
        The folder.

    Raises:
        BadInput: the folder cannot be written or the disk is full.
    """
    with whole_folder(folder, stale=OPTIONAL, last="summary.json") as temporary:
        (temporary / "summary.json").write_text(to_json(result.summary), encoding="utf-8")
        (temporary / "summary.md").write_text(render_markdown(result), encoding="utf-8", errors="replace")
        _write_in_parts(result.issues, temporary / "issues")
        result.sample.to_parquet(temporary / FILE, index=False)
        if result.conditions is not None:
            result.conditions.to_parquet(temporary / "conditions.parquet", index=False)
            write_csv(temporary / "conditions.csv", result.conditions)
        if result.unlabelled is not None:
            _write_in_parts(result.unlabelled, temporary / "unlabelled")
        (temporary / "report.html").write_text(render(result), encoding="utf-8", errors="replace")
        save(result.cleaned(), temporary / f"cleaned{suffix_for(result.data)}")
    return folder


def _write_in_parts(table: pd.DataFrame, path: Path) -> None:
    """Write `.parquet` and `.csv`, some rows at a time, so that a large table is not in memory twice."""
    schema = pa.Schema.from_pandas(table.iloc[:1], preserve_index=False)
    with (
        ParquetWriter(path.with_suffix(".parquet"), schema) as writer,
        path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file,
    ):
        for start in range(0, max(len(table), 1), PART):
            part = table.iloc[start : start + PART]
            writer.write_table(pa.Table.from_pandas(part, schema=schema, preserve_index=False))
            write_csv(file, part, header=start == 0)
