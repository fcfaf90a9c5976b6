"""The summary in Markdown, for a pull request, an issue or the page of a pipeline's run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from noisewise.auditing.report.matrix import confused_pairs
from noisewise.auditing.report.models import NOTE, model_lines
from noisewise.auditing.report.summary_text import conditions_text, inputs_text, summary_text, verdict, weak_text
from noisewise.auditing.result import AuditResult
from noisewise.data.row_names import name_columns
from noisewise.formatting import percent

PAIRS, SUSPECTS, LONGEST = 10, 10, 60
WIDEST = 500  # of a sentence about inputs
APART = "&#8203;"
MEASURES = {"precision": "precision", "recall": "recall", "f1": "F1", "auroc": "AUROC"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "<span>$</span>"}
_SPECIAL = re.compile(r"[\\`*_\[\]|~!]|[&<>$]|[@#:](?=\S)|(?i:www)(?=\.)")


def render_markdown(result: AuditResult) -> str:
    """The summary as the text of a Markdown file.

    It begins with the warning where the evidence is weak. Then come rate and interval, the verdict of the gate where
    there is one, the pairs of classes confused most, the most suspect rows, the models that were compared, what they
    learned from, and the command that reproduces all this. Everything from the data is escaped.

    Args:
        result: of an audit.
    """
    parts = [
        f"## Label audit of {escape(result.data.name)}",
        _weak(result),
        summary_text(result, _strong),
        "" if result.gate is None else verdict(result.gate, _strong),
        _measured(result),
        _pairs(result),
        _suspects(result),
        _conditions(result),
        _models(result),
        _inputs(result),
        _reproduced(result.command),
        "To review the suspects, open `report.html` of the same folder; `issues.csv` lists every row.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: object, longest: int = LONGEST) -> str:
    """Text from data as one line of Markdown that is shown literally.

    Markup, HTML, table cells and mathematics are escaped. A zero-width space is inserted into mentions, references to
    issues, short names of emoji and addresses, so that nobody is notified and nothing becomes a link.

    Args:
        text: anything; white space becomes single spaces, and unprintable characters become question marks.
        longest: the most characters to keep.
    """
    plain = " ".join(str(text).split())
    plain = "".join(letter if letter.isprintable() else "?" for letter in plain)
    if len(plain) > longest:
        plain = plain[: longest - 1] + "…"
    return _SPECIAL.sub(_harmless, plain)


def _harmless(found: re.Match[str]) -> str:
    special = found.group()
    if special in _ENTITIES:
        return _ENTITIES[special]
    return special + APART if special in "@#:" or len(special) > 1 else f"\\{special}"


def _strong(text: str) -> str:
    return f"**{text}**"


def _measured(result: AuditResult) -> str:
    known = [f"{title} {result.metrics[key]:.3f}" for key, title in MEASURES.items() if key in result.metrics]
    if "true_noise_rate" not in result.metrics:
        return ""
    rate = percent(result.metrics["true_noise_rate"])
    return f"The truth is known here: {rate} are wrong{'; ' if known else ''}{', '.join(known)}."


def _weak(result: AuditResult) -> str:
    said = weak_text(result, _strong)
    return said and f"> {said}"


def _models(result: AuditResult) -> str:
    # without seconds: the same audit has the same summary
    heads = ("model", "settings", "held-out loss", "accuracy", "weight")
    lines = [tuple(map(escape, cells)) for cells in model_lines(result.candidates)]
    rows = [(name, note, loss, accuracy, weight) for name, loss, accuracy, _, weight, note in lines]
    table = _table("Models compared", heads, rows, numbers=3)
    return table and f"{table}\n\n{NOTE}"


def _inputs(result: AuditResult) -> str:
    lines = [f"- {escape(line, WIDEST)}" for line in inputs_text(result)]
    return "### Inputs\n\n" + "\n".join(lines) if lines else ""


def _pairs(result: AuditResult) -> str:
    names = result.data.classes
    pairs = confused_pairs(result.data.given, result.suggested, result.is_issue, PAIRS)
    rows = [(escape(names[given]), escape(names[suggested]), f"{count:,}") for given, suggested, count in pairs]
    return _table("Confused most", ("given", "suggested", "rows"), rows, numbers=1)


def _suspects(result: AuditResult) -> str:
    issues = result.issues[result.issues["is_issue"]].head(SUSPECTS)
    index, *names = name_columns(issues, "given")
    columns = ["given", "suggested", *names, index, "suspicion"]
    texts = [[escape(str(value)) for value in issues[name]] for name in columns[:-1]]
    rows = list(zip(*texts, [f"{suspicion:.3f}" for suspicion in issues["suspicion"]], strict=True))
    return _table("Most suspect", [escape(name) for name in columns], rows, numbers=2)


def _conditions(result: AuditResult) -> str:
    said = conditions_text(result)
    return said and f"Besides the issues: {said}. `conditions.csv` lists them."


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> str:
    if not rows:
        return ""
    rule = ["---"] * (len(heads) - numbers) + ["---:"] * numbers
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]
    return f"### {title}\n\n" + "\n".join(lines)


def _reproduced(command: str) -> str:
    if not command:
        return ""
    command = command.encode("utf-8", "replace").decode("utf-8")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", command)), default=0))
    return f"### To reproduce this\n\n{fence}sh\n{command}\n{fence}"
