"""How networks are trained for evidence."""

import pytest
from torch import nn

from noisewise.auditing.gathering.recipe import FROM_SCRATCH, training_config
from noisewise.auditing.plan import AuditPlan
from noisewise.training import Config


@pytest.mark.parametrize("model", [None, "fast", "mlp:32", nn.Linear])
def test_networks_from_scratch_are_trained_by_one_cycle(model):
    found = AuditPlan("digits", model=model, seed=3).config
    assert found == Config(epochs=10, seed=3, **FROM_SCRATCH)
    assert found.schedule == "one-cycle"


@pytest.mark.parametrize("stated", [{"schedule": "cosine"}, {"optimizer": "sgd"}, {"lr": 0.1}])
def test_a_schedule_an_optimiser_or_a_rate_replaces_the_recipe(stated):
    assert AuditPlan("digits", settings=stated).config == Config(epochs=10, **stated)


def test_other_settings_keep_the_recipe():
    found = AuditPlan("digits", settings={"batch_size": 256}, epochs=4).config
    assert found == Config(epochs=4, **{**FROM_SCRATCH, "batch_size": 256})


@pytest.mark.parametrize("model", ["efficientnet-lite0", "efficientnet-lite0:side=64", nn.Linear(2, 2)])
def test_models_that_bring_their_weights_are_trained_by_default_settings(model):
    assert training_config(model, 4, 0, {}) == Config(epochs=4)
