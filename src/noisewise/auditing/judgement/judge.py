"""The judgement: from evidence to a probability, per row, that the given label is wrong, and to a noise rate.

1. Predictions of models that did not train on the row (out of fold, or of its neighbours' labels) are made a calibrated
   posterior of the given label.
2. The rows that are predicted most surely are anchors: their given labels show how labels go wrong.
3. The noise is taken out of the posterior, and Bayes' rule gives the probability of every true label (see `latent`).
4. The noise rate is the mean probability of being wrong. Where the marks of human noise are there, which grows with the
   difficulty of a row, most of the disagreement that anchors cannot show is added (see `human`). No more labels are
   wrong than differ from the prediction, unless the predictions have seen them.
5. Rows are ranked by the same posterior of held-out and in-training predictions pooled. What training saw of a row
   tells more about it, but wrong labels were partly learned by heart: the log-odds are moved until their mean is the
   rate.
6. The threshold is the one of the best expected F1.

The share of anchors decides what a model's own mistakes count as: many anchors take the mistakes of a weak model for
noise. The interval spans few and many.

In-training predictions alone have partly learned the given labels by heart: the rate is then rather too low.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement import human_noise as human
from noisewise.auditing.judgement import rate
from noisewise.auditing.judgement.calibration import best_power, between, pooled, powered, with_mean
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.judgement.latent import Latent, fit_latent, posterior, wrong
from noisewise.auditing.judgement.threshold import best_threshold
from noisewise.auditing.judgement.transition import ANCHOR_SHARE, anchor_transition, anchors
from noisewise.auditing.rows.neighbours import neighbour_shares
from noisewise.errors import BadInput
from noisewise.formatting import percent

FEW_ANCHORS, MANY_ANCHORS = 0.1, 0.5
VOTERS = 20
HALF = 0.5
ROWS_IN_DOUBT = 4
PLAIN, PLAIN_MOST, PLAIN_HUMAN = (0.1, 0.35), 0.9, 0.3
SAMPLE_NUMBERS = 2**23

WARNING = (
    " The model is weak for such labels: what it gets wrong looks like noise, and the rate is uncertain. "
    "A better model, more epochs or more rows make it more certain."
)


def judge(evidence: Evidence, seed: int = 0) -> Judgement:
    """Judge the labels.

    What is fitted is fitted to a random sample where the evidence is large; every row is then judged by it, in blocks,
    so that time is linear in rows and memory does not hold the probabilities.

    Args:
        evidence: probabilities, features or a ledger; features are used where there are no probabilities.
        seed: of the sample and of the bootstrap behind the interval; nothing else is random.

    Raises:
        BadInput: the evidence has neither probabilities nor features nor a ledger with `probability_mean`.
    """
    labels = evidence.labels
    evidence = voted(evidence)
    rows = _sampled(evidence, seed)
    sample = evidence if len(rows) == len(evidence) else evidence.take(rows)
    calibration = calibrated(sample)
    predicted, sureness = _first_choices(evidence, calibration)
    chosen = {s: anchors(predicted, sureness, evidence.classes, s) for s in (ANCHOR_SHARE, FEW_ANCHORS, MANY_ANCHORS)}
    unseen, everything = calibration(sample)
    latent, few, many = (fit_latent(unseen, sample.labels, anchor_transition(labels, c)) for c in chosen.values())
    clean = latent.clean(unseen)
    seen = human.marks(predicted, sureness, labels, evidence.classes)
    surest = chosen[ANCHOR_SHARE]
    del predicted, sureness, chosen  # a third of what is held for every row
    rates = [_rate(clean, latent, sample.labels)] + [_rate(m.clean(unseen), m, sample.labels) for m in (few, many)]
    memorised = evidence.probabilities is None
    if not memorised:
        rates = [min(found, seen.disagreement) for found in rates]
    doubt = float(1 - clean.max(axis=1).mean())
    estimate = seen.completed(rates[0])
    mistaken = rate.mistaken(doubt, estimate)
    estimate = max(estimate - (1 - seen.human) * rate.excess(doubt), 0.0)
    ranked = latent if everything is unseen else fit_latent(everything, sample.labels, latent.transition)
    within = anchors(unseen.argmax(axis=1), unseen.max(axis=1), evidence.classes)
    chances, others = _judged(evidence, calibration, ranked, plainly(doubt, seen.human))
    suspicion = with_mean(chances, estimate)
    threshold = best_threshold(suspicion)
    is_issue = suspicion > threshold
    error = rate.sampling_error(clean, sample.labels, within, seed) * np.sqrt(len(sample) / len(evidence))
    error = max(float(error), ROWS_IN_DOUBT / len(evidence))
    interval = rate.interval(seen.spanned(rates), doubt, error, memorised, mistaken)
    return Judgement(
        suspicion=suspicion,
        suggested=np.where(is_issue, others, labels),
        is_issue=is_issue,
        threshold=threshold,
        noise_rate=estimate,
        interval=interval,
        transition=latent.transition,
        explanation=_explain(labels, surest, doubt, seen.human, estimate, interval)
        + (WARNING if doubt > rate.WEAK else ""),
    )


def predictions(evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Two (n, K) calibrated posteriors of the given label: one to choose anchors by, one that uses all there is.

    The first does not know the row's own label wherever the evidence allows it, so that a row's label has no say in
    whether the row is an anchor.

    Raises:
        BadInput: nothing in the evidence predicts.
    """
    evidence = voted(evidence)
    return calibrated(evidence)(evidence)


@dataclass(frozen=True)
class Calibration:
    """The powers (see `best_power`) of the prediction that has not seen the label and, if it is another, of all."""

    unseen: float
    everything: float | None

    def __call__(self, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
        """The two posteriors of `predictions`; the same array twice where there is one kind of prediction."""
        known = _known(evidence)
        first = powered(known[0], self.unseen)
        return first, first if self.everything is None else powered(pooled(*known), self.everything)


def calibrated(evidence: Evidence) -> Calibration:
    """The powers under which the given labels are most likely."""
    known, labels = _known(evidence), evidence.labels
    return Calibration(best_power(known[0], labels), best_power(pooled(*known), labels) if len(known) == 2 else None)


def voted(evidence: Evidence) -> Evidence:
    """The evidence, with neighbours' labels for probabilities where it has features and no probabilities."""
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
    """(n,) predicted classes and (n,) their probabilities, of the prediction that has not seen the label."""
    predicted, sureness = np.empty(len(evidence), dtype=np.int64), np.empty(len(evidence))
    for rows, block in evidence.blocks():
        unseen, _ = calibration(block)
        predicted[rows], sureness[rows] = unseen.argmax(axis=1), unseen.max(axis=1)
    return predicted, sureness


def plainly(doubt: float, human: float) -> float:
    """How much of the suspicion is one less the probability of the given label, in place of the latent posterior's.

    The posterior knows which classes are mistaken for which. Under a weak model, whose `doubt` is large, these are the
    model's own confusions, and rows that it finds hard would be suspected in place of rows it finds impossible. People
    confuse classes too, but not only those, so that a part of each ranks human noise best. On 38 measured sets the
    mixture changed the average precision of the posterior by -0.008 to 0.113, 0.012 in the mean.
    """
    low, high = PLAIN
    return max(PLAIN_MOST * float(np.clip((doubt - low) / (high - low), 0, 1)), PLAIN_HUMAN * human)


def _judged(
    evidence: Evidence, calibration: Calibration, latent: Latent, plain: float
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) chances that the given label is wrong and (n,) the most probable other label."""
    chances, others = np.empty(len(evidence)), np.empty(len(evidence), dtype=np.int64)
    for rows, block in evidence.blocks():
        _, everything = calibration(block)
        known = posterior(latent.clean(everything), block.labels, latent.transition)
        others[rows] = _best_other(known, block.labels)
        chances[rows] = between(wrong(known, block.labels), wrong(everything, block.labels), plain)
    return chances, others


def _rate(clean: np.ndarray, latent: Latent, labels: np.ndarray) -> float:
    return float(wrong(posterior(clean, labels, latent.transition), labels).mean())


def _best_other(posterior: np.ndarray, labels: np.ndarray) -> np.ndarray:
    others = posterior.copy()
    others[np.arange(len(labels)), labels] = -1
    return others.argmax(axis=1)


def _explain(
    labels: np.ndarray,
    chosen: list[np.ndarray],
    doubt: float,
    people: float,
    estimate: float,
    interval: tuple[float, float],
) -> str:
    differ = sum(int((labels[rows] != label).sum()) for label, rows in enumerate(chosen))
    count = sum(len(rows) for rows in chosen)
    how = (
        f"Allowing for the {percent(doubt)} of all rows on which the model itself is expected to be mistaken, "
        if people < HALF
        else "As where people label, labels go wrong more often the harder a row is, so most of the rows on which "
        "label and prediction differ count as wrong: "
    )
    return (
        f"Of the {count:,} rows predicted most surely, {percent(differ / count)} carry another label than the "
        f"predicted one. {how}{percent(estimate)} of the labels are estimated to be wrong (90 % interval "
        f"{percent(interval[0])} to {percent(interval[1])})."
    )
