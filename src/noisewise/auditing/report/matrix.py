"""The estimated transition matrix: a heat map of it or of its densest block, and the pairs confused most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from noisewise.auditing.report.charts import bar
from noisewise.auditing.report.markup import count, escape, name, percent

WHOLE = 30
NUMBERED = 14
BLOCK = 16
LEVELS = 9
NAMES = 48


def heat_map(transition: np.ndarray, classes: Sequence[str], chosen: Sequence[int]) -> str:
    """A table of P(given = j | true = i), coloured by the confusion, for the classes `chosen`.

    Args:
        transition: (K, K); rows may be NaN.
        classes: K names.
        chosen: the classes to show, in this order.
    """
    part = np.nan_to_num(transition[np.ix_(chosen, chosen)])
    largest = strongest(transition, chosen)
    numbered = len(chosen) <= NUMBERED
    head = "".join(
        f'<th scope="col" title="{escape(classes[j], 200)}"><span>{name(classes[j])}</span></th>' for j in chosen
    )
    lines = []
    for i, row in zip(chosen, part, strict=True):
        cells = "".join(_cell(value, i, j, largest, classes, numbered) for j, value in zip(chosen, row, strict=True))
        lines.append(f'<tr><th scope="row" title="{escape(classes[i], 200)}">{name(classes[i])}</th>{cells}</tr>')
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Transition matrix">'
        f'<table class="heat{"" if numbered else " dense"}"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def strongest(transition: np.ndarray, chosen: Sequence[int]) -> float:
    """The largest P(given = j | true = i) with i != j among the `chosen` classes; 0 where there is none."""
    part = np.nan_to_num(transition[np.ix_(chosen, chosen)])
    return float(np.max(part - np.diag(np.diag(part)), initial=0))


def densest_block(transition: np.ndarray, size: int = BLOCK) -> list[int]:
    """The classes that are confused with each other most, found greedily.

    The pair with the largest P(j | i) + P(i | j) comes first; then, one by one, the class with the largest sum over the
    classes already chosen. Classes that are not confused with any chosen class are not added.

    Args:
        transition: (K, K); rows may be NaN.
        size: the most classes.
    """
    both = np.nan_to_num(transition)
    both = both + both.T
    np.fill_diagonal(both, 0)
    if not both.any():
        return list(range(min(size, len(both))))
    chosen = [int(i) for i in np.unravel_index(int(both.argmax()), both.shape)]
    link = both[chosen].sum(axis=0)
    while len(chosen) < size:
        link[chosen] = -1
        best = int(link.argmax())
        if link[best] <= 0:
            break
        chosen.append(best)
        link = np.where(link < 0, link, link + both[best])
    return chosen


def confused_pairs(
    given: np.ndarray, suggested: np.ndarray, issues: np.ndarray, most: int
) -> list[tuple[int, int, int]]:
    """The most frequent pairs of given and suggested class among the issues.

    Args:
        given: (n,) given labels.
        suggested: (n,) suggested labels.
        issues: (n,) bool.
        most: the most pairs.

    Returns:
        (given, suggested, rows), most frequent first.
    """
    differs = issues & (given != suggested)
    pairs, rows = np.unique(np.stack([given[differs], suggested[differs]], axis=1), axis=0, return_counts=True)
    order = np.argsort(-rows, kind="stable")[:most]
    return [(int(pairs[at, 0]), int(pairs[at, 1]), int(rows[at])) for at in order]


def pair_list(pairs: Sequence[tuple[int, int, int]], transition: np.ndarray, classes: Sequence[str]) -> str:
    """A table of confused pairs with their numbers of issues and the estimated P(given | true).

    Args:
        pairs: (given, suggested, rows) as `confused_pairs` returns them.
        transition: (K, K) P(given = j | true = i).
        classes: K names.
    """
    most = max((rows for *_, rows in pairs), default=1)
    lines = [
        f'<tr data-true="{right}" data-given="{wrong}"><th scope="row">{name(classes[wrong], NAMES)}'
        f'<span class="arrow"> is probably </span>{name(classes[right], NAMES)}</th><td>{bar(rows / most)}</td>'
        f'<td class="number" title="P(given | true) = {percent(float(np.nan_to_num(transition[right, wrong])))}">'
        f"{count(rows, 'row')}</td></tr>"
        for wrong, right, rows in pairs
    ]
    return f'<table class="bars pairs"><tbody>{"".join(lines)}</tbody></table>'


def _cell(value: float, i: int, j: int, largest: float, classes: Sequence[str], numbered: bool) -> str:
    level = round(LEVELS * value / largest) if i != j and value > 0 and largest > 0 else 0
    text = f"{100 * value:.0f}" if numbered and value >= 0.005 else ""
    title = f"true {escape(classes[i], 40)}, given {escape(classes[j], 40)}: {percent(value, 2)}"
    kind = "diagonal" if i == j else f"h{level}"
    return f'<td class="{kind}" title="{title}" data-true="{i}" data-given="{j}">{text}</td>'
