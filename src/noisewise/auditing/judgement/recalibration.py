"""Recalibration: what a person decided about some rows corrects the suspicions of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.reviewed import Reviewed
from noisewise.formatting import count, percent
from noisewise.judgement.threshold import best_threshold

SMALLEST = 1e-6
SHIFT_SPREAD, SLOPE_SPREAD = 1.0, 0.5  # standard deviations of the prior around (0, 1)
SUGGESTIONS = 4.0  # rows as which the share of right suggestions that was expected counts
STEPS, FARTHEST = 50, 50.0


def recalibrated(judgement: Judgement, evidence: Evidence, reviewed: Reviewed) -> Judgement:
    """The judgement of a data set of which a person has reviewed some rows.

    Reviewed rows are right: their suspicion is 0 and they are no issues. The log-odds of the other suspicions are
    recalibrated (`fitted_line`). After a certified review they are also shifted until their sum is the number of wrong
    labels that remain by it, and the noise rate and its interval are those of the review. Threshold, issues and
    suggestions follow from the new suspicions.

    Args:
        judgement: of n rows by the evidence alone.
        evidence: of these rows.
        reviewed: the reviewed rows.
    """
    given = evidence.labels
    rows = np.flatnonzero(~reviewed.mask(len(given)))
    shift, slope = fitted_line(reviewed)
    odds = shift + slope * _log_odds(judgement.suspicion[rows])
    total = max(len(given), 1)
    if reviewed.remaining is None:
        rate = float(expit(odds).sum()) / total
        scale = rate / judgement.noise_rate if judgement.noise_rate > 0 else 1.0
        low, high = (float(np.clip(scale * end, 0.0, 1.0)) for end in judgement.interval)
    else:
        rate, low, high = (float(np.clip(wrong / total, 0.0, 1.0)) for wrong in reviewed.remaining)
        odds = odds + _shift(odds, rate * total)
    suspicion = np.zeros(len(given))
    suspicion[rows] = expit(odds)
    at_least = np.zeros(len(given))
    if low > 0:
        at_least[rows] = expit(odds + _shift(odds, low * total))
    weak = judgement.weak if reviewed.remaining is None else ""
    if weak:  # no more rows than the evidence can stand for: the same threshold, recalibrated
        threshold = float(expit(shift + slope * _log_odds(np.array(judgement.threshold))))
    else:
        threshold = best_threshold(suspicion)
    is_issue = suspicion > threshold
    right = _suggestion_right(judgement, is_issue, reviewed)
    return replace(
        judgement,
        suspicion=suspicion,
        suggested=_suggested(judgement, is_issue, evidence),
        is_issue=is_issue,
        noise_rate=rate,
        interval=(low, high),
        threshold=threshold,
        explanation=judgement.explanation + _said(reviewed, rate, low, high),
        weak=weak,
        relabel=is_issue & (at_least * right > 1 - at_least),
        suggestion_right=right,
    )


def fitted_line(reviewed: Reviewed) -> tuple[float, float]:
    """Shift a and slope b with which a + b logit(s) are the log-odds of a wrong label on the reviewed rows.

    Logistic recalibration (Cox, Two further applications of a model for binary regression, Biometrika 1958) of the
    suspicions s that the rows had when they were reviewed, with a normal prior around a = 0 and b = 1. Each row weighs
    as many rows as it stands for, in units in which all weigh as much as the effective number of rows,
    (sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965).
    """
    x, y, w = _log_odds(reviewed.suspicion), reviewed.wrong.astype(float), reviewed.weight
    if not len(x):
        return 0.0, 1.0
    w = w * w.sum() / (w**2).sum()
    design = np.stack([np.ones(len(x)), x], axis=1)
    centre, precision = np.array([0.0, 1.0]), np.diag([1 / SHIFT_SPREAD**2, 1 / SLOPE_SPREAD**2])
    line = centre.copy()
    for _ in range(STEPS):
        chance = expit(design @ line)
        slope = design.T @ (w * (y - chance)) - precision @ (line - centre)
        curve = design.T @ (design * (w * chance * (1 - chance))[:, None]) + precision
        step = np.linalg.solve(curve, slope)
        line = line + step * min(1.0, 1.0 / float(np.abs(step).max() + 1e-300))
        if np.abs(step).max() < 1e-10:
            break
    return float(line[0]), max(float(line[1]), 0.0)


def _log_odds(suspicion: np.ndarray) -> np.ndarray:
    return logit(np.clip(suspicion.astype(float), SMALLEST, 1 - SMALLEST))


def _shift(odds: np.ndarray, wrong: float) -> float:
    """The shift after which the chances sum to so many wrong labels."""
    low, high = -FARTHEST, FARTHEST
    for _ in range(STEPS if len(odds) else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(odds + middle).sum() < wrong else (low, middle)
    return (low + high) / 2


def _suggested(judgement: Judgement, is_issue: np.ndarray, evidence: Evidence) -> np.ndarray:
    """(n,) the suggestions; rows that became issues get the most probable other class."""
    suggested = np.where(is_issue, judgement.suggested, evidence.labels)
    for rows, block in evidence.blocks():
        table = block.probabilities
        if table is None and block.ledger is not None:
            table = block.ledger.get("probability_mean")
        new = is_issue[rows] & ~judgement.is_issue[rows]
        if table is not None and new.any():
            others = np.array(table[new], dtype=float)
            others[np.arange(len(others)), block.labels[new]] = -1
            suggested[np.arange(len(suggested))[rows][new]] = others.argmax(axis=1)
    return suggested


def _suggestion_right(judgement: Judgement, is_issue: np.ndarray, reviewed: Reviewed) -> np.ndarray:
    """(n,) the probability that a suggestion is right, its mean over issues corrected by the suggestions reviewed."""
    known = judgement.suggestion_right
    right = np.ones(len(is_issue)) if known is None else np.clip(known, SMALLEST, 1 - SMALLEST).astype(float)
    answered = reviewed.wrong & reviewed.suggested
    if not answered.any() or not is_issue.any():
        return right
    mean = float(right[is_issue].mean())
    share = (float((answered & reviewed.accepted).sum()) + SUGGESTIONS * mean) / (float(answered.sum()) + SUGGESTIONS)
    return expit(_log_odds(right) + float(_log_odds(np.array(share)) - _log_odds(np.array(mean))))


def _said(reviewed: Reviewed, rate: float, low: float, high: float) -> str:
    """What the review changed, for the explanation."""
    said = f" A person has reviewed {count(len(reviewed), 'row')}; the suspicions of the others follow those decisions."
    if reviewed.remaining is None:
        return said
    return f"{said} By a random sample of them {percent(rate)} ({percent(low)} to {percent(high)}) are still wrong."
