"""The models that an audit compared, as lines of text for the terminal, the Markdown summary and the page."""

from __future__ import annotations

from collections.abc import Sequence

from noisewise.auditing.candidate import GUESSING, Candidate
from noisewise.formatting import percent

HEADS = ("model", "held-out loss", "accuracy", "seconds", "weight")
NOTE = (
    "Every model predicted rows that it was not trained on. Loss and accuracy are those of the given labels, and the "
    "weights are chosen to make the loss of the mixture small."
)


def model_lines(candidates: Sequence[Candidate]) -> list[tuple[str, ...]]:
    """A line of text per model with the cells of `HEADS` and a note: the largest weight first, guessing last.

    Args:
        candidates: of an audit.
    """
    order = sorted(candidates, key=lambda one: (one.name == GUESSING, -one.weight, one.loss is None, one.loss or 0.0))
    return [_line(one) for one in order]


def models_in_short(candidates: Sequence[Candidate]) -> str:
    """The models that have a weight, their losses, and that of guessing, in one line."""
    used = [one for one in sorted(candidates, key=lambda one: -one.weight) if one.weight > 0 and one.loss is not None]
    parts = [f"{one.name} (weight {one.weight:.2f}, held-out loss {one.loss:.3f})" for one in used]
    parts += [f"guessing (loss {one.loss:.3f})" for one in candidates if one.name == GUESSING]
    return ", ".join(parts)


def _line(one: Candidate) -> tuple[str, ...]:
    if one.loss is None or one.accuracy is None:
        return one.name, "not run", "", "", "", one.note
    if one.name == GUESSING:
        return (
            one.name,
            f"{one.loss:.3f}",
            percent(one.accuracy),
            "",
            "",
            "always predicts the frequencies of the classes",
        )
    weight = f"{one.weight:.2f}" if one.weight else "0"
    return one.name, f"{one.loss:.3f}", percent(one.accuracy), f"{one.seconds:.1f}", weight, one.note
