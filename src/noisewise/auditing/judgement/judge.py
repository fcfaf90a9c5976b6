"""The judgement: from evidence to a probability, per row, that its given label is wrong, and to a noise rate.

1. Predictions by models that did not train on the row (out of fold, or from its neighbours' labels) are calibrated into
   a posterior of the given label.
2. The rows predicted with most confidence are anchors: their given labels show how labels go wrong.
3. The noise is removed from the posterior, and Bayes' rule gives the probability of every true label (see `latent`).
4. The noise rate is the mean probability of being wrong. Where the data show the marks of human noise, which grows with
   the difficulty of a row, most of the disagreement that anchors cannot show is added (see `human_noise`). The rate is
   at most the share of labels that differ from the prediction, unless the predictions have seen the labels.
5. Rows are ranked by the same posterior of pooled held-out and in-training predictions. In-training predictions tell
   more about a row, but the network has partly memorised the wrong labels: the log-odds are shifted until their mean is
   the rate.
6. The threshold is the one with the best expected F1.

The share of anchors decides how a model's own mistakes count: with many anchors, the mistakes of a weak model are taken
for noise. The interval spans few and many.

From in-training predictions alone the rate tends to be too low, since they have partly memorised the given labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement import human_noise, rate
from noisewise.auditing.judgement.calibration import best_power, mixed_log_odds, pooled, powered, with_mean
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.judgement.latent import SMALLEST, Latent, fit_latent, posterior, wrong
from noisewise.auditing.judgement.threshold import best_threshold
from noisewise.auditing.judgement.transition import ANCHOR_SHARE, anchor_transition, anchors
from noisewise.auditing.rows.neighbours import neighbour_shares
from noisewise.errors import BadInput
from noisewise.formatting import percent

FEW_ANCHORS, MANY_ANCHORS = 0.1, 0.5
VOTERS = 20  # neighbours whose labels predict a row's label where there are features alone
HALF_HUMAN = 0.5  # from here on the explanation speaks of human noise
SMALLEST_ERROR_ROWS = 4  # the rate's standard error is at least that of so many rows
SAMPLE_NUMBERS = 2**23  # probabilities that are enough to fit the judgement to

# The expected model error between which the weight of the self-confidence score rises from 0 to the first weight; the
# second is its weight where the noise is human. See `self_confidence_weight`.
WEIGHT_RISES = (0.1, 0.35)
WEIGHT_WEAK_MODEL, WEIGHT_HUMAN = 0.9, 0.3

WEAK = (
    "The model is weak for these labels: its own mistakes look like noise, and the rate is uncertain. "
    "Better features, a better model, more rows or a review of fifty rows make it more certain."
)


def judge(evidence: Evidence, seed: int = 0) -> Judgement:
    """Judge the labels.

    Large evidence is not needed whole to fit the judgement, so it is fitted to a random sample. Every row is then
    judged in blocks: time is linear in the number of rows, and the probabilities are never in memory all at once.

    Args:
        evidence: probabilities, features or a ledger; features are used where there are no probabilities.
        seed: random seed of the sample and of the bootstrap behind the interval.

    Raises:
        BadInput: the evidence has neither probabilities nor features nor a ledger with `probability_mean`.
    """
    labels = evidence.labels
    evidence = voted(evidence)
    rows = _sampled(evidence, seed)
    sample = evidence if len(rows) == len(evidence) else evidence.take(rows)
    calibration = calibrated(sample)
    predicted, confidence = _first_choices(evidence, calibration)
    chosen = {s: anchors(predicted, confidence, evidence.classes, s) for s in (ANCHOR_SHARE, FEW_ANCHORS, MANY_ANCHORS)}
    unseen, everything = calibration(sample)
    latent, few, many = (fit_latent(unseen, sample.labels, anchor_transition(labels, c)) for c in chosen.values())
    clean = latent.clean(unseen)
    marks = human_noise.marks(predicted, confidence, labels, evidence.classes)
    most_confident = chosen[ANCHOR_SHARE]
    del predicted, confidence, chosen  # a third of what is held for every row
    rates = [_rate(clean, latent, sample.labels)] + [_rate(m.clean(unseen), m, sample.labels) for m in (few, many)]
    memorised = evidence.probabilities is None
    if not memorised:
        rates = [min(found, marks.disagreement) for found in rates]
    model_error = float(1 - clean.max(axis=1).mean())
    estimate = marks.completed(rates[0])
    mistaken = rate.mistaken(model_error, estimate)
    estimate = max(estimate - (1 - marks.human) * rate.excess(model_error), 0.0)
    ranked = latent if everything is unseen else fit_latent(everything, sample.labels, latent.transition)
    within = anchors(unseen.argmax(axis=1), unseen.max(axis=1), evidence.classes)
    weight = self_confidence_weight(model_error, marks.human)
    chances, others, right = _chances(evidence, calibration, ranked, weight)
    suspicion = with_mean(chances, estimate)
    threshold = best_threshold(suspicion)
    is_issue = suspicion > threshold
    weak = model_error > rate.WEAK
    error = rate.sampling_error(clean, sample.labels, within, seed) * np.sqrt(len(sample) / len(evidence))
    error = max(float(error), SMALLEST_ERROR_ROWS / len(evidence))
    interval = rate.interval(marks.spanned(rates), model_error, error, memorised, mistaken)
    return Judgement(
        suspicion=suspicion,
        suggested=np.where(is_issue, others, labels),
        is_issue=is_issue,
        noise_rate=estimate,
        interval=interval,
        transition=latent.transition,
        threshold=threshold,
        explanation=_explanation(labels, most_confident, model_error, marks.human)
        + f"{percent(estimate)} of the labels are estimated to be wrong (90 % interval {percent(interval[0])} to "
        f"{percent(interval[1])})." + (f" {WEAK}" if weak else ""),
        weak=WEAK if weak else "",
        relabel=is_issue & (suspicion * right > 1 - suspicion),
        suggestion_right=right,
    )


def predictions(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Two calibrated posteriors of the given label.

    Returns:
        (n, K) predictions that have not seen the row's own label, wherever the evidence allows it: anchors are chosen
        by them, and a row's label must not decide whether the row is an anchor. And (n, K) predictions from everything.

    Raises:
        BadInput: nothing in the evidence predicts.
    """
    evidence = voted(evidence)
    return calibrated(evidence)(evidence)


@dataclass(frozen=True)
class Calibration:
    """How predictions are calibrated.

    Attributes:
        unseen: the power (see `best_power`) of the prediction that has not seen the label.
        everything: the power of all predictions pooled; None where there is one kind of prediction.
    """

    unseen: float
    everything: float | None

    def __call__(self, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
        """The two posteriors of `predictions`; the same array twice where there is one kind of prediction."""
        known = _known(evidence)
        first = powered(known[0], self.unseen)
        return first, first if self.everything is None else powered(pooled(*known), self.everything)


def calibrated(evidence: Evidence) -> Calibration:
    """The calibration under which the given labels are most likely."""
    known, labels = _known(evidence), evidence.labels
    return Calibration(best_power(known[0], labels), best_power(pooled(*known), labels) if len(known) == 2 else None)


def voted(evidence: Evidence) -> Evidence:
    """The evidence, with the shares of neighbours' labels as probabilities where it has features alone."""
    if evidence.probabilities is None and evidence.features is not None:
        shares = neighbour_shares(evidence.features, evidence.labels, evidence.classes, VOTERS)
        return replace(evidence, probabilities=shares)
    return evidence


def _known(evidence: Evidence) -> list[np.ndarray]:
    trained = None if evidence.ledger is None else evidence.ledger.get("probability_mean")
    known = [prediction for prediction in (evidence.probabilities, trained) if prediction is not None]
    if not known:
        raise BadInput("a judgement needs probabilities, features or a ledger with 'probability_mean', but got none")
    return known


def _sampled(evidence: Evidence, seed: int) -> np.ndarray:
    count = min(len(evidence), max(SAMPLE_NUMBERS // evidence.classes, 1))
    return np.sort(np.random.default_rng([rate.STREAM, seed]).choice(len(evidence), count, replace=False))


def _first_choices(evidence: Evidence, calibration: Calibration) -> tuple[np.ndarray, np.ndarray]:
    """(n,) predicted classes and (n,) their probabilities, by the prediction that has not seen the label."""
    predicted, confidence = np.empty(len(evidence), dtype=np.int64), np.empty(len(evidence))
    for rows, block in evidence.blocks():
        unseen, _ = calibration(block)
        predicted[rows], confidence[rows] = unseen.argmax(axis=1), unseen.max(axis=1)
    return predicted, confidence


def self_confidence_weight(model_error: float, human: float) -> float:
    """Weight of the self-confidence score 1 - p[given], against the latent-label posterior, in the ranking.

    The posterior knows which classes are mistaken for which. With a weak model these are the model's own confusions,
    and rows that it finds hard would be suspected instead of rows it finds impossible. People confuse classes too, but
    not only those, so a mixture of both ranks human noise best. On 38 measured sets of labels the mixture changed the
    posterior's average precision by -0.008 to 0.113, by 0.012 on average.

    Args:
        model_error: share of the rows on which the model is expected to be mistaken about the true label.
        human: in [0, 1], how far the noise bears the marks of human noise (see `human_noise`).

    Returns:
        In [0, 1].
    """
    low, high = WEIGHT_RISES
    weak = WEIGHT_WEAK_MODEL * float(np.clip((model_error - low) / (high - low), 0, 1))
    return max(weak, WEIGHT_HUMAN * human)


def _chances(
    evidence: Evidence, calibration: Calibration, latent: Latent, weight: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) chances that the given label is wrong, (n,) the most probable other label and (n,) its share of them."""
    chances, others, right = np.empty(len(evidence)), np.empty(len(evidence), dtype=np.int64), np.empty(len(evidence))
    for rows, block in evidence.blocks():
        _, everything = calibration(block)
        known = posterior(latent.clean(everything), block.labels, latent.transition)
        others[rows] = _best_other(known, block.labels)
        mass = wrong(known, block.labels)
        right[rows] = np.clip(known[np.arange(len(known)), others[rows]] / np.maximum(mass, SMALLEST), 0, 1)
        chances[rows] = mixed_log_odds(mass, wrong(everything, block.labels), weight)
    return chances, others, right


def _rate(clean: np.ndarray, latent: Latent, labels: np.ndarray) -> float:
    return float(wrong(posterior(clean, labels, latent.transition), labels).mean())


def _best_other(posterior: np.ndarray, labels: np.ndarray) -> np.ndarray:
    others = posterior.copy()
    others[np.arange(len(labels)), labels] = -1
    return others.argmax(axis=1)


def _explanation(labels: np.ndarray, most_confident: list[np.ndarray], model_error: float, human: float) -> str:
    """What the estimate rests on; the sentence that states it follows."""
    differ = sum(int((labels[rows] != label).sum()) for label, rows in enumerate(most_confident))
    count = sum(len(rows) for rows in most_confident)
    if human < HALF_HUMAN:
        how = f"Allowing for the {percent(model_error)} of all rows on which the model itself is expected to be wrong, "
    else:
        how = (
            "As where people label, labels go wrong more often the harder a row is, so most of the rows on which label "
            "and prediction differ count as wrong: "
        )
    return (
        f"Of the {count:,} rows predicted with most confidence, {percent(differ / count)} carry another label than the "
        f"predicted one. {how}"
    )
