"""The quality of findings, where the truth is known."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score


def score_against_truth(
    suspicion: np.ndarray,
    is_issue: np.ndarray,
    suggested: np.ndarray,
    given: np.ndarray,
    truth: np.ndarray,
    rate: float | None = None,
) -> dict[str, float]:
    """Metrics of an audit; those that are undefined on these data are left out.

    Args:
        suspicion: (n,) higher is more suspect.
        is_issue: (n,) bool, rows called issues.
        suggested: (n,) suggested labels.
        given: (n,) given labels.
        truth: (n,) true labels.
        rate: the estimated noise rate; None leaves out `rate_error`.

    Returns:
        `true_noise_rate`; `rate_error`, the estimate minus the true rate; where `suspicion` lies in [0, 1],
        `calibration_error`; and where any label is wrong: `precision` (if there are issues), `recall`, `f1`, `f1_best`
        (at the best threshold on the same suspicion), `average_precision`, `auroc` (if any label is right, too) and
        `suggestion_accuracy` (share of the true positives whose suggestion is the truth, if there are any).
    """
    wrong = np.asarray(given) != np.asarray(truth)
    found = {"true_noise_rate": float(wrong.mean())}
    if rate is not None:
        found["rate_error"] = float(rate - wrong.mean())
    if ((suspicion >= 0) & (suspicion <= 1)).all():
        found["calibration_error"] = calibration_error(suspicion, wrong)
    if not wrong.any():
        return found
    named = np.asarray(is_issue, dtype=bool)
    hits = named & wrong
    found["recall"] = float(hits.sum() / wrong.sum())
    found["f1"] = float(2 * hits.sum() / (named.sum() + wrong.sum()))
    found["f1_best"] = best_f1(suspicion, wrong)
    found["average_precision"] = float(average_precision_score(wrong, suspicion))
    if named.any():
        found["precision"] = float(hits.sum() / named.sum())
    if not wrong.all():
        found["auroc"] = float(roc_auc_score(wrong, suspicion))
    if hits.any():
        found["suggestion_accuracy"] = float(np.mean(np.asarray(suggested)[hits] == np.asarray(truth)[hits]))
    return found


def calibration_error(suspicion: np.ndarray, wrong: np.ndarray, bins: int = 10) -> float:
    """The expected calibration error: the mean over rows of |mean suspicion - share wrong| in the row's bin.

    Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015, section 2.

    Args:
        suspicion: (n,) in [0, 1].
        wrong: (n,) bool.
        bins: number of bins of equal width.
    """
    suspicion = np.asarray(suspicion, dtype=float)
    cell = np.minimum((suspicion * bins).astype(int), bins - 1)
    gaps = np.bincount(cell, suspicion, minlength=bins) - np.bincount(cell, wrong, minlength=bins)
    return float(np.abs(gaps).sum() / len(suspicion))


def best_f1(suspicion: np.ndarray, wrong: np.ndarray) -> float:
    """The largest F1 over all thresholds on `suspicion` (n,) for the `wrong` rows (n,); 0 where no row is wrong."""
    order = np.argsort(-np.asarray(suspicion), kind="stable")
    ordered = np.asarray(suspicion)[order]
    hits = np.cumsum(np.asarray(wrong)[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    last_of_equals = np.append(ordered[1:] < ordered[:-1], True)
    return float(f1[last_of_equals].max())
