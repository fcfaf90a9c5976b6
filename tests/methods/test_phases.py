"""How long a warm-up or ramp lasts."""

import pytest

from noisewise.methods.phases import LEARNED, phase_epochs


@pytest.mark.parametrize(
    "published, epochs, steps, expected",
    [(10, 300, 391, 10), (25, 200, 352, 25), (16, 50, 70, 16), (10, 90, 13, 20), (10, 20, 29, 6), (10, 2, 1, 1)],
)
def test_the_published_epochs_or_enough_steps_within_a_third(published, epochs, steps, expected):
    assert phase_epochs(published, epochs, steps) == expected


def test_a_small_data_set_gets_enough_steps_and_unknown_steps_the_published_epochs():
    assert phase_epochs(10, 1000, 5) * 5 == LEARNED
    assert phase_epochs(10, 300, None) == 10
    assert phase_epochs(10, 10, None, most=0.5) == 5
