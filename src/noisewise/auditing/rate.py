"""How sure the noise rate is."""

from __future__ import annotations

import numpy as np

from noisewise.auditing.latent import posterior, wrong
from noisewise.auditing.transition import anchor_transition

RESAMPLES = 40
STREAM = 0x6E6F6973
NORMAL_90 = 1.645
DOUBT_ERROR, WEAKNESS = 0.1, 4.0
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


def interval(
    estimates: list[float], doubt: float, standard_error: float, memorised: bool = False
) -> tuple[float, float]:
    """90 % interval of the noise rate, within [0, 1].

    It spans the `estimates` from few and from many anchors, widened by the root of the sum of squares of sampling
    error, of a tenth of the model's expected error (`doubt`: what a weak model gets wrong looks like noise) and of an
    eighth of the rate (the noise is not the same for all rows of a class). What looks like noise under a weak model may
    not be, so the lower end allows for four times the cube of `doubt` more, which is next to nothing below 0.15. Where
    the predictions have seen the labels (`memorised`), the upper end allows for three tenths of the rate instead: a
    label that was learned by heart is no longer suspect. These shares are chosen to cover what was measured, not
    derived.
    """
    weakness = WEAKNESS * doubt**3

    def margin(rate: float, relative: float = RELATIVE_ERROR) -> float:
        return float(np.linalg.norm([NORMAL_90 * standard_error, DOUBT_ERROR * doubt, relative * rate]))

    low, high = min(estimates), max(estimates)
    return max(0.0, low - margin(low) - weakness), min(
        1.0, high + margin(high, MEMORISED if memorised else RELATIVE_ERROR)
    )
