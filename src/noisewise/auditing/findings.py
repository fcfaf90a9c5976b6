"""Findings: the result of an audit that can be saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisewise.auditing.report.write import write_report
from noisewise.auditing.result import AuditResult


@dataclass(frozen=True, eq=False, repr=False)
class Findings(AuditResult):
    """The result of `noisewise.audit`; its attributes are those of `AuditResult`."""

    def save(self, folder: str | Path) -> Path:
        """Write all files of the audit, or none.

        `summary.json` and `.md`, `issues.parquet` and `.csv`, `conditions.parquet` and `.csv` where conditions were
        looked for, `certify.parquet`, `report.html`, and the `cleaned` data.

        Args:
            folder: where; an existing folder keeps its other files.

        Returns:
            The folder.

        Raises:
            BadInput: the folder cannot be written or the disk is full.
        """
        return write_report(self, Path(folder))
