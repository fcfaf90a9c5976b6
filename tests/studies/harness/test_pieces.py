"""Tasks of several trainings, or that measure after every epoch, in pieces: they give what they give at once."""

import contextlib
import itertools

import numpy as np
import pytest

from noisewise import allowance
from noisewise.allowance import Allowance, OutOfTime, allowing
from noisewise.studies.theory.dataset_complexity import measured
from noisewise.studies.training_phases.adversarial_training import as_noise
from noisewise.studies.training_phases.detecting_noise import watched

WATCHED = {"source": "digits", "noise": "symmetric:0.2", "points": 60, "epochs": 5, "batch": 20, "rate": 0.05}
MOVED = {"rows": 40, "tested": 30, "epochs": 3, "batch_size": 20, "rate": 0.005, "steps": 1}
SIGNS = {"labels": "parity", "points": 40, "tested": 30, "epochs": 3, "batch": 20, "rate": 0.02, "shares": [0.0, 0.5]}


@pytest.mark.parametrize(
    "function, arguments",
    [
        (watched, {**WATCHED, "model": "mlp:8", "seed": 0}),
        (as_noise, {**MOVED, "source": "digits", "model": "mlp:8", "seed": 0}),
        (measured, {**SIGNS, "source": "digits", "model": "mlp:8", "seed": 0}),
    ],
)
def test_pieces_give_what_the_whole_gives(function, arguments, tmp_path, monkeypatch):
    whole = function(**arguments)
    ticks = itertools.count()
    monkeypatch.setattr(allowance, "now", lambda: float(next(ticks)))
    found, sessions = None, 0
    while found is None and sessions < 40:
        sessions += 1
        with contextlib.suppress(OutOfTime), allowing(Allowance(until=next(ticks) + 5.0)):
            found = function(scratch=tmp_path, **arguments)
    assert sessions > 1
    assert found is not None
    for name, value in whole.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
