"""How sure the noise rate is."""

from __future__ import annotations

import numpy as np

from noisewise.auditing.judgement.latent import posterior, wrong
from noisewise.auditing.judgement.transition import anchor_transition

RESAMPLES = 40
STREAM = 0x6E6F6973  # "nois" in ASCII: sets this generator apart from default_rng(seed)
NORMAL_90 = 1.645  # a normal variable lies within so many standard deviations with probability 90 %
# The remaining constants are chosen to cover what was measured on sets of labels with known truth, not derived; see
# `excess` and `interval`, docs/audit.md and benchmarks/coverage.py.
MODEL_ERROR_SHARE = 0.1
WEAK, EXCESS, LARGEST_EXCESS, WEAKNESS, LARGEST_WEAKNESS = 0.27, 3.0, 0.25, 1.75, 0.4
RELATIVE_ERROR = 0.12
MEMORISED = 0.3


def sampling_error(clean: np.ndarray, labels: np.ndarray, chosen: list[np.ndarray], seed: int) -> float:
    """Bootstrap standard error of the mean probability of being wrong, over rows and over the anchors among them.

    The generator is not the one that a caller would use: noise drawn by `default_rng(seed)` would otherwise decide
    which rows the resamples leave out.

    Args:
        clean: (n, K) probabilities of the true labels that do not use the given ones.
        labels: (n,) given labels.
        chosen: per class, the positions of its anchors.
        seed: random seed.
    """
    rng, n = np.random.default_rng([STREAM, seed]), len(labels)
    rates = []
    for _ in range(RESAMPLES):
        weights = rng.multinomial(n, np.full(n, 1 / n)).astype(float)
        table = posterior(clean, labels, anchor_transition(labels, chosen, weights))
        rates.append(np.average(wrong(table, labels), weights=weights))
    return float(np.std(rates))


def mistaken(model_error: float, rate: float) -> float:
    """The share of the correctly labelled rows on which the model is expected to be mistaken, in [0, 1].

    Args:
        model_error: share of all rows on which it is expected to be mistaken about the true label.
        rate: share of wrong labels.
    """
    return min(model_error / max(1 - rate, 1e-6), 1.0)


def excess(model_error: float) -> float:
    """What a weak model adds to the rate that its anchors show: its own mistakes on rows it is confident about.

    Nothing up to an expected model error of 0.27, then three times its growth, up to a quarter. On ten sets of labels
    of CIFAR-10, clean, human and simulated, judged by small networks of 34 to 62 % accuracy, rates were 7 to 27 points
    too high. Minus this excess, the eight sets with up to 20 % wrong labels err by -5 to 6 points; two with 40 and 50 %
    stay 11 and 18 points too high.

    Args:
        model_error: share of all rows on which the model is expected to be mistaken about the true label.
    """
    return min(EXCESS * max(model_error - WEAK, 0.0), LARGEST_EXCESS)


def interval(
    estimates: list[float], model_error: float, standard_error: float, memorised: bool = False, mistaken: float = 0.0
) -> tuple[float, float]:
    """90 % interval of the noise rate, within [0, 1].

    It spans the estimates, widened by the root of the sum of squares of three errors: sampling, a tenth of the expected
    model error (mistakes of a weak model look like noise), and an eighth of the rate (the noise differs between the
    rows of a class). Apparent noise under a weak model may be its mistakes, so the lower end is lowered by 1.75 times
    the cube of `mistaken`, at most by 0.4; for a good model this is almost zero. Memorised labels are not suspect any
    more, so where predictions have seen the labels the upper end allows for 0.3 of the rate instead of an eighth.
    These shares are chosen to cover what was measured, not derived.

    Args:
        estimates: of the rate, from few and from many anchors.
        model_error: share of all rows on which the model is expected to be mistaken about the true label.
        standard_error: of the rate, by sampling.
        memorised: whether the predictions have seen the labels.
        mistaken: share of the correctly labelled rows on which the model is expected to be mistaken.
    """
    weakness = min(WEAKNESS * mistaken**3, LARGEST_WEAKNESS)

    def margin(rate: float, relative: float = RELATIVE_ERROR) -> float:
        return float(np.linalg.norm([NORMAL_90 * standard_error, MODEL_ERROR_SHARE * model_error, relative * rate]))

    low, high = min(estimates), max(estimates)
    return max(0.0, low - margin(low) - weakness), min(
        1.0, high + margin(high, MEMORISED if memorised else RELATIVE_ERROR)
    )
