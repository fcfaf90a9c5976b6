"""How sure the noise rate is."""

from __future__ import annotations

import numpy as np

from noisewise.auditing.judgement.latent import posterior, wrong
from noisewise.auditing.judgement.transition import anchor_transition

RESAMPLES = 40
STREAM = 0x6E6F6973
NORMAL_90 = 1.645
DOUBT_ERROR = 0.1
WEAK, EXCESS, LARGEST_EXCESS, WEAKNESS, LARGEST_WEAKNESS = 0.27, 3.0, 0.25, 1.75, 0.4
RELATIVE_ERROR = 0.12
MEMORISED = 0.3


def sampling_error(clean: np.ndarray, labels: np.ndarray, chosen: list[np.ndarray], seed: int) -> float:
    """Bootstrap standard error of the mean probability of being wrong, over rows and over the anchors among them.

    `clean` (n, K) are the probabilities of the true labels that do not know the given ones.

    The generator is none that a caller would use: noise drawn by `default_rng(seed)` would otherwise decide which rows
    the resamples leave out.
    """
    rng, n = np.random.default_rng([STREAM, seed]), len(labels)
    rates = []
    for _ in range(RESAMPLES):
        weights = rng.multinomial(n, np.full(n, 1 / n)).astype(float)
        table = posterior(clean, labels, anchor_transition(labels, chosen, weights))
        rates.append(np.average(wrong(table, labels), weights=weights))
    return float(np.std(rates))


def mistaken(doubt: float, rate: float) -> float:
    """The share of the rightly labelled rows on which the model is expected to be mistaken, in [0, 1].

    Args:
        doubt: the share of all rows on which it is expected to be mistaken about the true label.
        rate: of wrong labels.
    """
    return min(doubt / max(1 - rate, 1e-6), 1.0)


def excess(doubt: float) -> float:
    """What a weak model adds to the rate that its anchors show: its own mistakes on rows it is sure of.

    Nothing up to a `doubt` of 0.27, then three times as much as it grows, up to a quarter. Ten sets of labels of
    CIFAR-10, clean, human and simulated, judged by small networks of 34 to 62 % accuracy, had rates 7 to 27 points too
    high; less this the eight with up to 20 % wrong labels err by -5 to 6 points, and two with 40 and 50 % stay 11 and
    18 too high.
    """
    return min(EXCESS * max(doubt - WEAK, 0.0), LARGEST_EXCESS)


def interval(
    estimates: list[float], doubt: float, standard_error: float, memorised: bool = False, mistaken: float = 0.0
) -> tuple[float, float]:
    """90 % interval of the noise rate, within [0, 1].

    It spans the `estimates` from few and from many anchors, widened by the root of the sum of squares of sampling
    error, of a tenth of the model's expected error (`doubt`: what a weak model gets wrong looks like noise) and of an
    eighth of the rate (the noise is not the same for all rows of a class). What looks like noise under a weak model may
    not be, so the lower end allows for the cube of `mistaken`, seven quarters of it, up to 0.4, which is next to
    nothing for a good model. Where the predictions have seen the labels (`memorised`), the upper end allows for three
    tenths of the rate instead: a label that was learned by heart is no longer suspect. These shares are chosen to cover
    what was measured, not derived.
    """
    weakness = min(WEAKNESS * mistaken**3, LARGEST_WEAKNESS)

    def margin(rate: float, relative: float = RELATIVE_ERROR) -> float:
        return float(np.linalg.norm([NORMAL_90 * standard_error, DOUBT_ERROR * doubt, relative * rate]))

    low, high = min(estimates), max(estimates)
    return max(0.0, low - margin(low) - weakness), min(
        1.0, high + margin(high, MEMORISED if memorised else RELATIVE_ERROR)
    )
