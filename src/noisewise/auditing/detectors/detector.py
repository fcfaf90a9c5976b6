"""Detector: a card and a pure function of the evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.errors import BadInput


@dataclass(frozen=True)
class DetectorCard:
    """The description of a detector, for people and for catalogues.

    Attributes:
        name: as in the catalogue.
        does: what it does, in one sentence.
        needs: parts of the evidence that it reads: "probabilities", "ledger", "features".
        paper: authors, title, venue; or "-".
        year: of the paper.
        equation: the score, in one line.
        statistics: entries of the ledger that it reads.
        cost: what it costs beyond the cross-fitting, in words.
        threshold: the score above which the paper, or this version of it, calls a label wrong; None for a ranking only.
        on_request: whether it is too expensive to be computed unless requested.
        rowwise: whether a score depends on its own row alone; only such detectors accept evidence that is not small.
    """

    name: str
    does: str
    needs: tuple[str, ...]
    paper: str
    year: int
    equation: str
    statistics: tuple[str, ...] = ()
    cost: str = "nothing"
    threshold: float | None = None
    on_request: bool = False
    rowwise: bool = False


def refusal(entry: object) -> str | None:
    """What an object of another package must be to be a detector; None where it is one."""
    return None if isinstance(entry, Detector) else "a Detector: Detector(DetectorCard(...), function)"


@dataclass(frozen=True, repr=False)
class Detector:
    """A named score of the rows.

    Attributes:
        card: its description.
        function: (n,) finite scores of the evidence; higher is more suspect.
    """

    card: DetectorCard
    function: Callable[[Evidence], np.ndarray]

    def __repr__(self) -> str:
        return f"Detector({self.card.name}: needs {', '.join(self.card.needs) or 'labels only'})"

    def __call__(self, evidence: Evidence) -> np.ndarray:
        """(n,) scores; higher is more suspect.

        Raises:
            BadInput: the evidence lacks what the detector needs.
        """
        for part in self.card.needs:
            if part not in evidence.parts:
                has = ", ".join(evidence.parts) or "labels only"
                raise BadInput(f"the detector {self.card.name!r} needs {part}, but this evidence has {has}")
        if evidence.small:
            return self.function(evidence)
        if not self.card.rowwise:
            raise BadInput(
                f"the detector {self.card.name!r} needs all rows at once, but {len(evidence)} rows of "
                f"{evidence.classes} classes are read in parts"
            )
        found = np.empty(len(evidence), dtype=np.float32)
        for rows, block in evidence.blocks():
            found[rows] = self.function(block)
        return found

    def serves(self, evidence: Evidence, requested: bool = False) -> bool:
        """Whether the evidence has what the detector needs, and the detector is `requested` if it must be."""
        if self.card.on_request and not requested:
            return False
        if not (evidence.small or self.card.rowwise):
            return False
        return set(self.card.needs) <= set(evidence.parts) and set(self.card.statistics) <= set(evidence.ledger or ())
