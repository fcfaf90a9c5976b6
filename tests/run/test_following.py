"""The recipe on a model's card: who follows it, and what replaces it."""

import pytest

from noisewise.data import load
from noisewise.methods.automatic.cross_fit import fold_config
from noisewise.models import recipe_of
from noisewise.run import Experiment
from noisewise.training import Config, Training

RECIPE = {"optimizer": "nesterov", "lr": 0.3, "schedule": "linear", "batch_size": 32}


def test_a_recipe_completes_what_is_not_stated():
    assert Config(epochs=3, batch_size=16).following(RECIPE) == Config(epochs=3, **{**RECIPE, "batch_size": 16})
    assert Config().following({}) == Config()


@pytest.mark.parametrize("stated", [{"schedule": "step"}, {"optimizer": "adam"}, {"lr": 0.05}])
def test_a_schedule_an_optimiser_or_a_rate_replaces_a_recipe(stated):
    assert Config(**stated).following(RECIPE) == Config(**stated)


def test_a_training_follows_the_card_of_its_model():
    data = load("digits")
    recipe = recipe_of("speedy")
    assert recipe
    assert recipe_of("speedy:width=2") == recipe
    assert Experiment(data, model="speedy:width=2").training(data).config == Config(**recipe)
    stated = Experiment(data, model="speedy:width=2", config=Config(lr=0.05))
    assert stated.training(data).config == stated.config
    assert Experiment(data, model="fast").training(data).config == Config()


def test_auto_takes_the_recipe_of_a_card_for_nobodys_statement():
    data = load("digits")
    own = Experiment(data, model="speedy:width=2", config=Config(lr=0.05)).training(data)
    assert fold_config(own, 1000, 5, 0).lr == 0.05
    card = Experiment(data, model="speedy:width=2").training(data)
    plain = Training(data, "fast", Config())
    found, expected = (fold_config(one, 1000, 5, 0) for one in (card, plain))
    assert (found.lr, found.optimizer, found.batch_size) == (expected.lr, expected.optimizer, expected.batch_size)
