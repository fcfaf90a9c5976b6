"""The report: one HTML file that works offline, shows what an audit found and collects a person's decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from string import Template
from typing import Any

import numpy as np

from noisewise.auditing.gate import Gate
from noisewise.auditing.report import charts, matrix
from noisewise.auditing.report.conditions import conditions_body
from noisewise.auditing.report.markup import count, escape, percent, resource, script_json, source_hash, unbroken
from noisewise.auditing.report.models import HEADS, NOTE, model_lines
from noisewise.auditing.report.shown import shown
from noisewise.auditing.report.summary_text import inputs_text, summary_text, verdict, weak_text
from noisewise.auditing.result import AuditResult
from noisewise.errors import BadInput

LONGEST = 500  # characters of a sentence about inputs
SCRIPTS = ("estimator.js", "certify.js", "decisions.js", "card.js", "page.js")
_NUMBER = ' class="number"'
MEASURES = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "f1": "F1",
    "true_noise_rate": "True noise rate",
}


def render(result: AuditResult, *, limit: int | None = None) -> str:
    """The report as the text of one self-contained HTML file.

    It shows the estimated noise, where it occurs, and the most suspect rows as cards on which a person accepts the
    suggestion, keeps the given label, chooses another, is unsure, or removes the row. The decisions are exported as CSV
    (`index,decision,label`, then the names of the row) for `noisewise.decide`. Everything from the data is escaped, and
    the page's content security policy allows no network access and no scripts or styles other than its own.

    Args:
        result: of an audit.
        limit: the most rows to show; None for all issues (at least 500 rows, at most 20,000). Other rows' inputs are
            not read.

    Raises:
        BadInput: `limit` is not positive.
    """
    if limit is not None and limit < 1:
        raise BadInput(f"limit={limit} must be at least 1")
    style, content = resource("page.css"), shown(result, limit)
    script = "".join(map(resource, SCRIPTS))
    return Template(resource("page.html")).substitute(
        policy=_policy(style, script),
        title=escape(result.data.name),
        weak=_weak(result),
        headline=unbroken(summary_text(result, _strong)),
        gate=_gate(result.gate),
        explanation=unbroken(escape(result.explanation.removesuffix(result.weak))),
        tiles=_tiles(result),
        panels="".join(_panels(result)),
        shown=_shown(result, content),
        kind=result.data.kind,
        rate=f"{result.noise_rate:.6f}",
        data=script_json(content),
        style=style,
        script=script,
    )


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; img-src data:; style-src {source_hash(style)}; script-src {source_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _strong(text: str) -> str:
    return f"<strong>{text}</strong>"


def _gate(gate: Gate | None) -> str:
    if gate is None:
        return ""
    return f'<p class="gate {"passed" if gate.passed else "failed"}">{unbroken(verdict(gate, _strong))}</p>'


def _weak(result: AuditResult) -> str:
    said = weak_text(replace(result, judgement=replace(result.judgement, weak=escape(result.weak))), _strong)
    return said and f'<p class="weak" role="note">{unbroken(said)}</p>'


def _tiles(result: AuditResult) -> str:
    tiles = {
        "Wrong labels (noise rate)": percent(result.noise_rate),
        "Rows to check (issues)": f"{int(result.is_issue.sum()):,}",
        "Rows": f"{len(result.data):,}",
        "Classes": f"{len(result.data.classes):,}",
    }
    for key, label in MEASURES.items():
        if key in result.metrics:
            value = result.metrics[key]
            tiles[label] = percent(value) if key == "true_noise_rate" else f"{value:.3f}"
    return "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in tiles.items())


def _panels(result: AuditResult) -> list[str]:
    data, classes = result.data, result.data.classes
    wrong = None if data.truth is None else data.given != data.truth
    suspicion = np.nan_to_num(result.suspicion)
    fewer = (
        f" The {charts.MANY_CLASSES} of {len(classes):,} classes with the most wrong labels." if _many(result) else ""
    )
    panels = [
        _panel(
            "How likely each label is wrong (suspicion)",
            "Right of the line are the rows to check.",
            charts.histogram(suspicion, result.threshold),
        ),
        *_transition(result),
        _pairs(result),
        _panel(
            "Wrong labels in each class (noise per class)",
            f"Of the rows that are given this label, the share that is expected to be wrong.{fewer}",
            charts.class_bars(data.given, suspicion, classes),
        ),
    ]
    if wrong is not None and len(wrong):
        text = "The truth is known here. On the dashed line, suspicion equals the share of wrong labels. "
        text += "Larger dots stand for more rows."
        panels.append(_panel("Is suspicion a probability? (calibration)", text, charts.reliability(suspicion, wrong)))
    if result.scores:
        text = "The share of issues among a detector's most suspect rows, as many as there are issues."
        panels.append(_panel("Other scores (detectors)", text, charts.detectors(result.scores, result.is_issue, wrong)))
    panels += _evidence(result)
    if result.conditions is not None:
        text = "In addition to the issues. Where duplicates have different labels, one is wrong or both are right."
        panels.append(_panel("Duplicates, outliers, unclear rows (conditions)", text, conditions_body(result)))
    return panels


def _evidence(result: AuditResult) -> list[str]:
    """The panels of the models and of what they learned from, where there is something to say."""
    panels = [_panel("Models compared", NOTE, _models(result))] if result.candidates else []
    if lines := inputs_text(result):
        body = "".join(f"<li>{escape(line, LONGEST)}</li>" for line in lines)
        panels.append(_panel("Inputs", "What the models learned from.", f'<ul class="inputs">{body}</ul>'))
    return panels


def _models(result: AuditResult) -> str:
    heads = "".join(f'<th scope="col"{_NUMBER if at else ""}>{head}</th>' for at, head in enumerate(HEADS))
    rows = ""
    for name, *numbers, note in model_lines(result.candidates):
        small = f"<small>{escape(note)}</small>" if note else ""
        cells = "".join(f"<td{_NUMBER}>{unbroken(number)}</td>" for number in numbers)
        rows += f'<tr><th scope="row">{escape(name)}{small}</th>{cells}</tr>'
    table = f'<table class="plain models"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _many(result: AuditResult) -> bool:
    return len(result.data.classes) > matrix.WHOLE


def _transition(result: AuditResult) -> list[str]:
    title = "Which classes are mixed up (transition matrix)"
    found = {title: result.transition}
    found |= {f"{title}, by {escape(name)}": other for name, other in result.estimates.items()}
    return [_matrix_panel(result, title, transition) for title, transition in found.items()]


def _matrix_panel(result: AuditResult, title: str, transition: np.ndarray) -> str:
    classes = result.data.classes
    text = "Of each true class (row), the percentage that is given each label (column), as estimated."
    chosen = list(range(len(classes)))
    if _many(result):
        chosen = matrix.densest_block(transition)
        text += f" The {len(chosen)} classes of {len(classes):,} that are confused with each other most."
    if len(chosen) > matrix.NUMBERED:
        text += f" The strongest colour is {percent(matrix.strongest(transition, chosen))}."
    return _panel(title, text, matrix.heat_map(transition, classes, chosen))


def _pairs(result: AuditResult) -> str:
    most = 20 if _many(result) else 10
    pairs = matrix.confused_pairs(result.data.given, result.suggested, result.is_issue, most)
    if not pairs:
        return _panel("Confused most", "No row is called an issue.", "")
    return _panel(
        "Confused most",
        "Issues by given and suggested class.",
        matrix.pair_list(pairs, result.transition, result.data.classes),
    )


def _panel(title: str, note: str, body: str) -> str:
    return f'<section class="panel"><h3>{title}</h3><p class="note">{note}</p>{body}</section>'


def _shown(result: AuditResult, content: Mapping[str, Any]) -> str:
    rows = content["rows"]
    said = [_most_suspect(result, len(rows))]
    if result.reviewed is not None:
        said.append(f"{count(len(result.reviewed), 'row')} reviewed before.")
    if (blank := sum("image" not in row for row in rows)) and result.data.kind == "image":
        said.append(f"The last {count(blank, 'row')} have no picture here, which keeps the page small.")
    return " ".join(said)


def _most_suspect(result: AuditResult, here: int) -> str:
    issues, rows = int(result.is_issue.sum()), len(result.data)
    if not issues:
        return f"No row is called an issue; these {count(here, 'row')} are the most suspect of {rows:,}."
    if issues > here:
        return f"The {here:,} most suspect of {count(rows, 'row')}; issues.csv lists all {count(issues, 'issue')}."
    return f"The {here:,} most suspect of {count(rows, 'row')}, with all {count(issues, 'issue')} among them."
