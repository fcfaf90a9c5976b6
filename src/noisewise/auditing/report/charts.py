"""Charts as inline SVG and HTML; sizes are attributes, because the page's policy forbids style attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from noisewise.auditing.report.markup import count, escape, name, percent

WIDTH, HEIGHT = 440, 230
LEFT, RIGHT, TOP, BOTTOM = 60, 12, 14, 40
MANY_CLASSES = 30


def histogram(suspicion: np.ndarray, threshold: float, bins: int = 40) -> str:
    """Histogram of the suspicion on a logarithmic scale, with the threshold marked.

    Args:
        suspicion: (n,) in [0, 1].
        threshold: suspicion above which a row is an issue.
        bins: number of bins.
    """
    counts, edges = np.histogram(np.clip(suspicion, 0, 1), bins=bins, range=(0, 1))
    top = max(1, int(np.ceil(np.log10(counts.max() + 1)))) if len(suspicion) else 1
    bars = []
    for rows, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        if rows:
            at = _y(np.log10(rows + 1) / top)
            kind = "above" if (low + high) / 2 > threshold else "below"
            title = f"{count(int(rows), 'row')}, suspicion {low:.3g} to {high:.3g}"
            bars.append(
                f'<rect class="{kind}" x="{_x(low) + 0.5:.1f}" y="{at:.1f}" width="{_x(high) - _x(low) - 1:.1f}" '
                f'height="{_y(0) - at:.1f}"><title>{title}</title></rect>'
            )
    ticks = [(np.log10(10**power + 1) / top, _short(10**power)) for power in range(top + 1)]
    body = (
        _axes("chance that the label is wrong (suspicion)", "rows", [tick for tick in ticks if tick[0] <= 1.02])
        + "".join(bars)
        + _mark(threshold)
    )
    return _svg(body, f"Histogram of the suspicion of {count(len(suspicion), 'row')}, threshold at {threshold:.2f}")


def reliability(suspicion: np.ndarray, wrong: np.ndarray, bins: int = 10) -> str:
    """Observed share of wrong labels against mean suspicion, in equal bins; calibrated suspicion is on the diagonal.

    Args:
        suspicion: (n,) in [0, 1].
        wrong: (n,) bool, whether the given label differs from the truth.
        bins: number of bins.
    """
    place = np.minimum((np.clip(suspicion, 0, 1) * bins).astype(int), bins - 1)
    rows = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(rows)
    said = np.bincount(place, suspicion, bins)[filled] / rows[filled]
    seen = np.bincount(place, wrong, bins)[filled] / rows[filled]
    dots = [
        f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="{2.5 + 4.5 * np.sqrt(n / rows.max()):.1f}">'
        f"<title>suspicion {x:.3f}: {percent(y)} wrong, {count(int(n), 'row')}</title></circle>"
        for x, y, n in zip(said, seen, rows[filled], strict=True)
    ]
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in zip(said, seen, strict=True))
    diagonal = f'<line class="guide" x1="{_x(0):.1f}" y1="{_y(0):.1f}" x2="{_x(1):.1f}" y2="{_y(1):.1f}"/>'
    ticks = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    body = (
        _axes("mean chance of being wrong (suspicion)", "wrong labels", ticks)
        + diagonal
        + f'<polyline points="{path}"/>'
        + "".join(dots)
    )
    return _svg(body, "Reliability diagram: observed share of wrong labels against mean suspicion")


def class_bars(given: np.ndarray, suspicion: np.ndarray, classes: Sequence[str], most: int = MANY_CLASSES) -> str:
    """Expected share of wrong labels per given class, noisiest class first, on one scale from 0.

    Of many classes those with the most wrong labels are shown, since the share of a class of few rows says little.

    Args:
        given: (n,) given labels.
        suspicion: (n,) in [0, 1].
        classes: K names.
        most: the most classes to show.
    """
    rows = np.bincount(given, minlength=len(classes))
    wrong = np.bincount(given, suspicion, len(classes))
    noise = wrong / np.maximum(rows, 1)
    chosen = np.argsort(-wrong, kind="stable")[:most]
    order = [k for k in chosen[np.argsort(-noise[chosen], kind="stable")] if rows[k]]
    end = _round_end(max([noise[k] for k in order], default=0))
    lines = [
        f'<tr><th scope="row" title="{escape(classes[k], 200)}">{name(classes[k])}</th>'
        f"<td>{bar(noise[k] / end)}</td>"
        f'<td class="number">{percent(noise[k])} <small>of {int(rows[k]):,}</small></td></tr>'
        for k in order
    ]
    scale = f'<span class="scale"><span>0</span><span>{percent(end / 2)}</span><span>{percent(end)}</span></span>'
    head = f'<thead><tr><td></td><td>{scale}</td><td class="number">wrong</td></tr></thead>'
    return f'<table class="bars">{head}<tbody>{"".join(lines)}</tbody></table>'


def detectors(scores: Mapping[str, np.ndarray], issues: np.ndarray, wrong: np.ndarray | None) -> str:
    """Per detector, its agreement with the audit, and its AUROC where the truth is known.

    Agreement is the share of issues among the detector's most suspect rows, as many as there are issues.

    Args:
        scores: (n,) each, higher is more suspect.
        issues: (n,) bool, the rows called issues.
        wrong: (n,) bool, whether the given label differs from the truth; None where the truth is unknown.
    """
    number = int(issues.sum())
    lines = []
    for detector, score in scores.items():
        top = np.argpartition(-score, number - 1)[:number] if number else np.empty(0, int)
        cells = [percent(float(issues[top].mean())) if number else "–"]
        if wrong is not None:
            cells.append(f"{roc_auc_score(wrong, np.nan_to_num(score)):.3f}" if 0 < wrong.sum() < len(wrong) else "–")
        values = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        lines.append(f'<tr><th scope="row"><code>{escape(detector)}</code></th>{values}</tr>')
    heads = ["agrees with the audit", *([] if wrong is None else ["AUROC"])]
    head = "".join(f'<th scope="col" class="number">{text}</th>' for text in heads)
    return (
        f'<table class="plain"><thead><tr><th scope="col">detector</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def bar(share: float) -> str:
    """A horizontal bar that fills `share` of its cell."""
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * min(max(share, 0), 1):.2f}" height="8"/></svg>'
    )


def _round_end(largest: float) -> float:
    """The end of a scale from 0: the first of a few round shares that is not below the largest value."""
    return next((end for end in (0.02, 0.05, 0.1, 0.2, 0.5) if largest <= end), 1.0)


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * float(share)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * float(share)


def _short(number: int) -> str:
    for unit, sign in ((10**6, "M"), (1000, "k")):
        if number >= unit:
            return f"{number // unit}{sign}"
    return str(number)


def _mark(threshold: float) -> str:
    at, side = _x(threshold), (-5 if threshold > 0.7 else 5)
    kind = "mark end" if side < 0 else "mark"
    return (
        f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="{kind}" x="{at + side:.1f}" y="{TOP + 4}">threshold {threshold:.2f}</text>'
    )


def _axes(x: str, y: str, ticks: Sequence[tuple[float, str]]) -> str:
    parts = []
    for share, text in ticks:
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(share):.1f}" y2="{_y(share):.1f}"/>')
        parts.append(f'<text class="end" x="{LEFT - 9}" y="{_y(share) + 4:.1f}">{text}</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<text class="middle" x="{_x(share):.1f}" y="{HEIGHT - BOTTOM + 16}">{share:g}</text>')
    parts.append(f'<text class="middle label" x="{_x(0.5):.1f}" y="{HEIGHT - 6}">{x}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text class="middle label" transform="translate(11 {middle}) rotate(-90)">{y}</text>')
    return "".join(parts)


def _svg(body: str, label: str) -> str:
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{body}</svg>'
