"""The report: one HTML file that needs no network, shows what an audit found and collects a person's decisions."""

from __future__ import annotations

from string import Template

import numpy as np

from noisewise.auditing.findings import Findings
from noisewise.auditing.gate import Gate
from noisewise.auditing.report import charts, matrix
from noisewise.auditing.report.conditions import conditions_body
from noisewise.auditing.report.markup import count, escape, percent, resource, script_json, source_hash, unbroken
from noisewise.auditing.report.shown import shown
from noisewise.auditing.report.summary_text import headline, verdict
from noisewise.errors import BadInput

MEASURES = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "f1": "F1",
    "true_noise_rate": "True noise rate",
}


def render(findings: Findings, *, limit: int = 500) -> str:
    """The report as the text of one self-contained HTML file.

    It shows the estimated noise, where it lies, and the `limit` most suspect rows as cards on which a person accepts
    the suggestion, keeps the given label or names another; the decisions are exported as CSV (`index,decision,label`)
    for `noisewise.decide`. Everything from the data is escaped, and the page's content security policy allows no
    network and no script or style but its own.

    Args:
        findings: of an audit.
        limit: the most rows to show; only their inputs are read.

    Raises:
        BadInput: `limit` is not positive.
    """
    if limit < 1:
        raise BadInput(f"limit={limit} must be at least 1")
    style, script = resource("page.css"), resource("page.js")
    return Template(resource("page.html")).substitute(
        policy=_policy(style, script),
        title=escape(findings.data.name),
        headline=unbroken(headline(findings, _strong)),
        gate=_gate(findings.gate),
        explanation=escape(findings.explanation),
        tiles=_tiles(findings),
        panels="".join(_panels(findings)),
        shown=_shown(findings, limit),
        kind=findings.data.kind,
        data=script_json(shown(findings, limit)),
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


def _tiles(findings: Findings) -> str:
    tiles = {
        "Estimated noise": percent(findings.noise_rate),
        "Issues": f"{int(findings.is_issue.sum()):,}",
        "Rows": f"{len(findings.data):,}",
        "Classes": f"{len(findings.data.classes):,}",
    }
    for key, label in MEASURES.items():
        if key in findings.metrics:
            value = findings.metrics[key]
            tiles[label] = percent(value) if key == "true_noise_rate" else f"{value:.3f}"
    return "".join(f"<div><dt>{label}</dt><dd>{value}</dd></div>" for label, value in tiles.items())


def _panels(findings: Findings) -> list[str]:
    data, classes = findings.data, findings.data.classes
    wrong = None if data.truth is None else data.given != data.truth
    suspicion = np.nan_to_num(findings.suspicion)
    fewer = f" The {charts.MANY_CLASSES} of {len(classes):,} classes with the most of them." if _many(findings) else ""
    panels = [
        _panel(
            "Suspicion", "The probability that a given label is wrong.", charts.histogram(suspicion, findings.threshold)
        ),
        *_transition(findings),
        _pairs(findings),
        _panel(
            "Noise per class",
            f"The share of the rows given each class whose label is expected to be wrong.{fewer}",
            charts.class_bars(data.given, suspicion, classes),
        ),
    ]
    if wrong is not None and len(wrong):
        text = "The truth is known here. On the dashed line, suspicion is the share of labels that are wrong. "
        text += "Larger dots hold more rows."
        panels.append(_panel("Is suspicion a probability?", text, charts.reliability(suspicion, wrong)))
    if findings.scores:
        text = "The share of a detector's most suspect rows, as many as there are issues, that became issues."
        panels.append(_panel("Detectors", text, charts.detectors(findings.scores, findings.is_issue, wrong)))
    if findings.conditions is not None:
        text = "Apart from the issues. Where duplicates have different labels, one is wrong or both are right."
        panels.append(_panel("Other conditions", text, conditions_body(findings)))
    return panels


def _many(findings: Findings) -> bool:
    return len(findings.data.classes) > matrix.WHOLE


def _transition(findings: Findings) -> list[str]:
    found = {"Transition matrix": findings.transition}
    found |= {f"Transition matrix by {escape(name)}": other for name, other in findings.estimates.items()}
    return [_matrix_panel(findings, title, transition) for title, transition in found.items()]


def _matrix_panel(findings: Findings, title: str, transition: np.ndarray) -> str:
    classes = findings.data.classes
    text = "Per cent of a true class (line) that is given a label (column), as estimated."
    chosen = list(range(len(classes)))
    if _many(findings):
        chosen = matrix.densest_block(transition)
        text += f" The {len(chosen)} classes of {len(classes):,} that are confused with each other most."
    if len(chosen) > matrix.NUMBERED:
        text += f" The strongest colour stands for {percent(matrix.strongest(transition, chosen))}."
    return _panel(title, text, matrix.heat_map(transition, classes, chosen))


def _pairs(findings: Findings) -> str:
    most = 20 if _many(findings) else 10
    pairs = matrix.confused_pairs(findings.data.given, findings.suggested, findings.is_issue, most)
    if not pairs:
        return _panel("Confused most", "No row is called an issue.", "")
    return _panel(
        "Confused most",
        "Issues by given and suggested class.",
        matrix.pair_list(pairs, findings.transition, findings.data.classes),
    )


def _panel(title: str, note: str, body: str) -> str:
    return f'<section class="panel"><h3>{title}</h3><p class="note">{note}</p>{body}</section>'


def _shown(findings: Findings, limit: int) -> str:
    issues, rows = int(findings.is_issue.sum()), len(findings.data)
    here = min(limit, rows)
    if not issues:
        return f"No row is called an issue; these {count(here, 'row')} are the most suspect of {rows:,}."
    if issues > limit:
        return f"The {here:,} most suspect of {count(rows, 'row')}; issues.csv lists all {count(issues, 'issue')}."
    return f"The {here:,} most suspect of {count(rows, 'row')}, with {count(issues, 'issue')} among them."
