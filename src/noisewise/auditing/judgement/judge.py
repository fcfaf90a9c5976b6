"""The judgement: from evidence to a probability, per row, that its given label is wrong, and to a noise rate.

1. Rows are ranked by the confidence in their given label: its predicted probability, where ties and near ties are
   broken by the largest probability of another class (see `margins`).
2. The noise rate is the mean of two estimates: the share of wrong labels among the most confident rows (anchors), and
   that by confident learning (see `signs`).
3. The interval comes from the errors of this estimate on data sets with known noise (see `rate`).
4. The log-odds of a wrong label fall with the logarithm of the calibrated confidence, and are shifted until their mean
   is the rate (see `suspicion`).
5. The threshold is the one with the best expected F1.
6. An issue is relabelled where its suggestion is more probably right than the given label even if the rate is at the
   lower end of its interval.

All constants are in `constants`. Where the model is hardly better than guessing, the judgement is weak, and only those
rows are issues that are probably wrong even at the lower end of the interval.

From in-training predictions alone the rate tends to be too low, since they have partly memorised the given labels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.judgement.reading import HeldOut, held_out, margins, pools
from noisewise.auditing.rows.neighbours import neighbour_shares
from noisewise.formatting import percent
from noisewise.judgement.calibration import tempered
from noisewise.judgement.constants import MOST_IGNORANCE
from noisewise.judgement.rate import interval
from noisewise.judgement.signs import Signs, measure
from noisewise.judgement.suspicion import calibrating_power, log_odds, shift_to_mean
from noisewise.judgement.threshold import best_threshold
from noisewise.judgement.transition import judged_transition

VOTERS = 20  # neighbours whose labels predict a row's label where there are features alone

WEAK = (
    "The model is hardly better than guessing the most frequent class, so the evidence cannot say how many labels are "
    "wrong (between {low} and {high}): better features such as embeddings, more rows or a review of fifty rows would "
    "help."
)


def judge(evidence: Evidence) -> Judgement:
    """Judge the labels.

    Rows are read in blocks: time is linear in their number, and probabilities in a file are never all in memory.

    Args:
        evidence: probabilities, features or a ledger; features are used where there are no probabilities.

    Raises:
        BadInput: the evidence has neither probabilities nor features nor a ledger with `probability_mean`.
    """
    labels = evidence.labels
    evidence = voted(evidence)
    unseen = margins(evidence, seen=False)
    signs = measure(HeldOut(evidence), labels, unseen)
    known = margins(evidence) if pools(evidence) else unseen
    odds = log_odds(known, calibrating_power(known, evidence.classes))
    low, high = interval(signs)
    shift = shift_to_mean(odds, signs.rate)
    suspicion = expit(odds + shift)
    at_least = expit(odds + shift_to_mean(odds, low))
    weak = signs.ignorance > MOST_IGNORANCE
    threshold = _weak_threshold(odds, shift, low) if weak else best_threshold(suspicion)
    is_issue = suspicion > threshold
    right = known.suggestion_right
    said = WEAK.format(low=percent(low), high=percent(high)) if weak else ""
    return Judgement(
        suspicion=suspicion,
        suggested=np.where(is_issue, known.best_other, labels),
        is_issue=is_issue,
        noise_rate=signs.rate,
        interval=(low, high),
        transition=judged_transition(labels, known.best_other, suspicion, right, evidence.classes),
        threshold=threshold,
        explanation=_explanation(signs, (low, high)) + (f" {said}" if said else ""),
        weak=said,
        relabel=is_issue & (at_least * right > 1 - at_least),
        suggestion_right=right,
    )


def predictions(evidence: Evidence) -> np.ndarray:
    """(n, K) a calibrated posterior of the given label, by predictions that have not seen it wherever possible.

    Raises:
        BadInput: nothing in the evidence predicts.
    """
    evidence = voted(evidence)
    return tempered(held_out(evidence), evidence.labels)


def voted(evidence: Evidence) -> Evidence:
    """The evidence, with the shares of neighbours' labels as probabilities where it has features alone."""
    if evidence.probabilities is None and evidence.features is not None:
        shares = neighbour_shares(evidence.features, evidence.labels, evidence.classes, VOTERS)
        return replace(evidence, probabilities=shares)
    return evidence


def _weak_threshold(odds: np.ndarray, shift: float, low: float) -> float:
    """The suspicion above which a label is probably wrong even if the rate is at the lower end of its interval."""
    return float(expit(shift - shift_to_mean(odds, low))) if low > 0 else 1.0


def _explanation(signs: Signs, interval: tuple[float, float]) -> str:
    low, high = interval
    return (
        f"{percent(signs.disagreement)} of the labels differ from the prediction. Of the rows predicted with most "
        f"confidence {percent(signs.anchors)} do, and confident learning counts {percent(signs.confident)}. "
        f"{percent(signs.rate)} of the labels are estimated to be wrong (90 % interval {percent(low)} to "
        f"{percent(high)}, from the errors of this estimate on data with known noise)."
    )
