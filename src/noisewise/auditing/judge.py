"""The judgement: from evidence to a probability, per row, that the given label is wrong, and to a noise rate.

1. Predictions of models that did not train on the row (out of fold, or of its neighbours' labels) are made a calibrated
   posterior of the given label.
2. The rows that are predicted most surely are anchors: their given labels show how labels go wrong.
3. The noise is taken out of the posterior, and Bayes' rule gives the probability of every true label (see `latent`).
4. The noise rate is the mean probability of being wrong. Where the marks of human noise are there, which grows with the
   difficulty of a row, most of the disagreement that anchors cannot show is added (see `human`).
5. Rows are ranked by the same posterior of held-out and in-training predictions pooled. What training saw of a row
   tells more about it, but wrong labels were partly learned by heart: the log-odds are moved until their mean is the
   rate.
6. The threshold is the one of the best expected F1.

The share of anchors decides what a model's own mistakes count as: many anchors take the mistakes of a weak model for
noise. The interval spans few and many.

In-training predictions alone have partly learned the given labels by heart: the rate is then rather too low.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from noisewise.auditing import human, rate
from noisewise.auditing.calibration import pooled, tempered, with_mean
from noisewise.auditing.catalogue import DETECTORS
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.latent import Latent, fit_latent
from noisewise.auditing.neighbours import neighbour_shares
from noisewise.auditing.threshold import best_threshold
from noisewise.auditing.transition import ANCHOR_SHARE, anchor_transition, anchors
from noisewise.errors import BadInput

FEW_ANCHORS, MANY_ANCHORS = 0.1, 0.5
VOTERS = 20
HALF = 0.5


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the evidence says about the labels.

    Attributes:
        suspicion: (n,) in [0, 1], the probability that the given label is wrong.
        suggested: (n,) int64, the most probable other label of issues; the given label of all other rows.
        is_issue: (n,) bool, suspicion above the threshold.
        threshold: the suspicion above which a row is an issue.
        noise_rate: estimated share of wrong labels.
        interval: its 90 % interval.
        transition: (K, K) estimated P(given = j | true = i).
        scores: (n,) per detector that the evidence serves, raw, higher is more suspect.
        explanation: how the rate was found, for a person.
    """

    suspicion: np.ndarray
    suggested: np.ndarray
    is_issue: np.ndarray
    threshold: float
    noise_rate: float
    interval: tuple[float, float]
    transition: np.ndarray
    scores: Mapping[str, np.ndarray]
    explanation: str


def judge(evidence: Evidence, seed: int = 0) -> Judgement:
    """Judge the labels.

    Args:
        evidence: probabilities, features or a ledger; features are used where there are no probabilities.
        seed: of the bootstrap behind the interval; nothing else is random.

    Raises:
        BadInput: the evidence has neither probabilities nor features nor a ledger with `probability_mean`.
    """
    labels = evidence.labels
    unseen, everything = predictions(evidence)
    latent, few, many = (
        fit_latent(unseen, labels, anchor_transition(labels, anchors(unseen, share)))
        for share in (ANCHOR_SHARE, FEW_ANCHORS, MANY_ANCHORS)
    )
    seen = human.marks(unseen, labels)
    rates = [float(m.wrong(labels).mean()) for m in (latent, few, many)]
    estimate = seen.completed(rates[0])
    ranked = latent if everything is unseen else fit_latent(everything, labels, latent.transition)
    suspicion = with_mean(ranked.wrong(labels), estimate)
    threshold = best_threshold(suspicion)
    is_issue = suspicion > threshold
    chosen = anchors(unseen)
    memorised = evidence.probabilities is None and evidence.features is None
    error = rate.sampling_error(latent, labels, chosen, seed)
    interval = rate.interval(seen.spanned(rates), latent.doubt, error, memorised)
    return Judgement(
        suspicion=suspicion,
        suggested=np.where(is_issue, _best_other(ranked.posterior, labels), labels),
        is_issue=is_issue,
        threshold=threshold,
        noise_rate=estimate,
        interval=interval,
        transition=latent.transition,
        scores=scores(evidence),
        explanation=_explain(latent, labels, chosen, seen.human, estimate, interval),
    )


def scores(evidence: Evidence) -> dict[str, np.ndarray]:
    """(n,) per detector whose needs the evidence serves; a ledger that lacks a detector's statistics leaves it out."""
    return {name: detector(evidence) for name, detector in DETECTORS.items() if detector.serves(evidence)}


def predictions(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Two (n, K) calibrated posteriors of the given label: one to choose anchors by, one that uses all there is.

    The first does not know the row's own label wherever the evidence allows it, so that a row's label has no say in
    whether the row is an anchor.

    Raises:
        BadInput: nothing in the evidence predicts.
    """
    labels, held_out = evidence.labels, evidence.probabilities
    if held_out is None and evidence.features is not None:
        held_out = neighbour_shares(evidence.features, labels, evidence.classes, VOTERS)
    trained = None if evidence.ledger is None else evidence.ledger.get("probability_mean")
    known = [prediction for prediction in (held_out, trained) if prediction is not None]
    if not known:
        raise BadInput("a judgement needs probabilities, features or a ledger with 'probability_mean', but got none")
    unseen = tempered(known[0], labels)
    return unseen, tempered(pooled(*known), labels) if len(known) == 2 else unseen


def _best_other(posterior: np.ndarray, labels: np.ndarray) -> np.ndarray:
    others = posterior.copy()
    others[np.arange(len(labels)), labels] = -1
    return others.argmax(axis=1)


def _explain(
    latent: Latent,
    labels: np.ndarray,
    chosen: list[np.ndarray],
    people: float,
    estimate: float,
    interval: tuple[float, float],
) -> str:
    differ = sum(int((labels[rows] != label).sum()) for label, rows in enumerate(chosen))
    count = sum(len(rows) for rows in chosen)
    how = (
        f"Allowing for the {latent.doubt:.1%} of all rows on which the model itself is expected to be mistaken, "
        if people < HALF
        else "As where people label, labels go wrong more often the harder a row is, so most of the rows on which "
        "label and prediction differ count as wrong: "
    )
    return (
        f"Of the {count} rows predicted most surely, {differ / count:.1%} carry another label than the predicted one. "
        f"{how}{estimate:.1%} of the labels are estimated to be wrong "
        f"(90 % interval {interval[0]:.1%} to {interval[1]:.1%})."
    )
