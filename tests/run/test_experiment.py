"""A training as a value: checked once, written whole, and run again from what was written."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import noisewise as nw
from noisewise.run import OBSERVERS, Experiment
from noisewise.run.train import train
from noisewise.training import Config, Method, Observer

QUICK = {"model": "mlp:8", "rows": 200, "epochs": 2, "batch_size": 32}


def quick(**changes):
    """A small experiment."""
    return Experiment.of("digits", method="elr", **{"corrupt": "symmetric:0.4", **QUICK, **changes})


def weights(run):
    """The weights of a run."""
    return run.predictor.nets.state_dict()


def same(one, two):
    """Whether two runs end at the same weights."""
    others = weights(two)
    return all(torch.equal(value, others[name]) for name, value in weights(one).items())


def test_a_written_run_is_run_again_from_its_json(tmp_path):
    experiment = quick(seed=3, trusted=20, validation=0.2, observe="label-fit,lid:neighbours=5", milestones=(0.2, 0.4))
    first = experiment.run(tmp_path / "run", report=False)
    written = json.loads((tmp_path / "run" / "run.json").read_text())["experiment"]
    assert Experiment(**written) == experiment
    again = Experiment(**written).run()
    assert same(first, again)
    assert first.history["lid"].tolist() == again.history["lid"].tolist()
    assert not same(first, Experiment(**{**written, "rows": 190}).run())


def test_train_is_the_experiment_of_its_keywords():
    made = quick(seed=1, probe="label-fit")
    assert same(made.run(), train("digits", "elr", corrupt="symmetric:0.4", seed=1, probe="label-fit", **QUICK))


def test_a_preset_is_resolved_once():
    named = Experiment.of("cifar10", method="dividemix", preset="paper-cifar10-sym50", lr=0.5)
    assert named.method != "dividemix"
    assert (named.config.lr, named.config.epochs) == (0.5, 300)
    assert Experiment(**named.plain()) == named
    with pytest.raises(nw.BadInput, match=r"paper-cifar10-sym50.*is of 'dividemix:"):
        Experiment("cifar10", "dividemix", preset="paper-cifar10-sym50")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"method": "elrr"}, "unknown method 'elrr'.*'elr'"),
        ({"method": "gce:quu=1"}, "no option 'quu'"),
        ({"method": "gce:q=7"}, "q=7"),
        ({"method": "gce+sce"}, "only one"),
        ({"method": "dividemix:warmup=0"}, "dividemix: warmup=0 must be a whole number between 1 and"),
        ({"method": "forward:estimator=zz"}, "forward: estimator='zz' must be one of anchor"),
        ({"model": "cnn9:dropout=zz"}, "cnn9: dropout='zz' must"),
        ({"model": "lenett"}, "unknown model 'lenett'"),
        ({"model": "mlp:wide=3"}, "no option 'wide'"),
        ({"corrupt": "symmetrik:0.4"}, "unknown corruption"),
        ({"corrupt": "symmetric:1.4"}, "1.4"),
        ({"noise_rate": 7.0}, "noise_rate=7.0"),
        ({"noise_rate": 1.0}, "noise_rate=1.0"),
        ({"noise_rate": -1.0}, "noise_rate=-1.0"),
        ({"noise_rate": float("nan")}, "noise_rate=nan"),
        ({"noise_rate": True}, "noise_rate=True"),
        ({"trusted": -1}, "trusted=-1"),
        ({"rows": 0}, "rows=0"),
        ({"rows": True}, "rows=True"),
        ({"tested": 0}, "tested=0"),
        ({"observe": "fischer"}, "unknown observer 'fischer'.*'fisher'"),
        ({"observe": "fisher:every=0"}, "every=0"),
        ({"observe": "truth,truth"}, "twice"),
        ({"observe": 7}, "not 7"),
        ({"preset": "paper"}, "no preset 'paper'"),
        ({"config": {"epoch": 3}}, "unknown setting 'epoch'"),
        ({"source": ""}, "source=''"),
        ({"method": None}, "method=None"),
        ({"method": 3}, "method=3"),
        ({"method": []}, r"method=\[\]"),
        ({"model": 3}, "model=3"),
        ({"model": []}, r"model=\[\]"),
        ({"model": object()}, "model=<object"),
        ({"config": None}, "config=None"),
        ({"config": 3}, "config=3"),
        ({"config": {1: 2}}, "unknown setting 1"),
        ({"labels": 3}, "labels=3"),
        ({"preset": 3}, "preset=3"),
        ({"data_dir": 3}, "data_dir=3"),
    ],
)
def test_what_is_not_legal_is_refused_before_any_data_is_loaded(fields, said, monkeypatch):
    monkeypatch.setattr("noisewise.run.experiment.read", None)
    with pytest.raises(nw.BadInput, match=said):
        Experiment(**{"source": "digits", **fields})
    if "config" not in fields and "source" not in fields:
        with pytest.raises(nw.BadInput, match=said):
            train("digits", **fields)


def test_numpy_numbers_are_numbers():
    given = Experiment("digits", rows=np.int64(100), noise_rate=np.float32(0.5), config=Config(epochs=np.int32(3)))
    assert given == Experiment("digits", rows=100, noise_rate=0.5, config=Config(epochs=3))
    assert all(type(value) in (int, float) for value in (given.rows, given.noise_rate, given.config.epochs))


def test_equal_experiments_have_equal_keys():
    assert quick().key == quick().key
    names = ("weight_decay", "gamma", "lr", "momentum", "warmup", "validation", "clip_norm", "noise_rate")
    one, *others = [quick(**dict.fromkeys(names, zero), milestones=(zero, 1)) for zero in (0, 0.0, -0.0)]
    for other in others:
        assert other == one
        assert other.key == one.key
        assert repr(other.config) == repr(one.config)
    assert len({quick().key, quick(seed=1).key, quick(rows=100).key, quick(corrupt=None).key}) == 4


def test_objects_stand_in_place_of_names_but_are_not_written(tmp_path):
    data = nw.subset(nw.load("digits"), 100)
    experiment = Experiment(data, Method(), torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)))
    experiment = replace(experiment, config=Config(epochs=1))
    experiment.run(tmp_path, report=False)
    assert json.loads((tmp_path / "run.json").read_text())["experiment"] is None
    with pytest.raises(nw.BadInput, match="source is an object"):
        experiment.key  # noqa: B018
    assert experiment.title == "digits Method() Sequential seed 0"


def test_test_rows_are_the_same_for_every_seed():
    one, two = (quick(seed=seed, tested=50).data() for seed in (0, 1))
    assert len(one.test) == 50
    assert np.array_equal(one.test.index, two.test.index)
    assert not np.array_equal(one.index, two.index)
    with pytest.raises(nw.BadInput, match="tested=5"):
        replace(quick(tested=5), source=replace(nw.load("digits"), test=None)).data()


def test_observers_by_name_and_by_object(capsys):
    class Last(Observer):
        """Keeps the last row."""

        def recorded(self, row):
            self.row = row

    last = Last()
    run = quick(observe="progress,label-fit,truth").run(observers=[last])
    assert last.row["epoch"] == 2
    assert {"clean_given", "clean_fit"} <= set(run.history)
    assert capsys.readouterr().err.count("digits: epoch") == 2
    assert {"truth", "progress", "fisher", "tensorboard"} <= set(OBSERVERS)


def test_values_say_what_they_are():
    assert repr(quick(seed=2)) == (
        "Experiment(source='digits', method='elr', model='mlp:8', corrupt='symmetric:0.4', rows=200, "
        "epochs=2, batch_size=32, seed=2)"
    )
    assert repr(Config(lr=0.1)) == "Config(lr=0.1)"
    said = repr(quick(validation=0.0).run())
    assert said.startswith("Run(elr with mlp:8 on digits: 200 rows, 37.5 % wrong labels, epoch 2 of 2, test accuracy ")


@pytest.mark.parametrize(
    "recipe",
    [
        lambda training: None,
        lambda training: training.fit(training.learner(), Method(), record=False),
        lambda training: training.fit(training.learner(), Method(), 0),
    ],
)
def test_a_recipe_that_records_no_epoch_is_refused(recipe):
    with pytest.raises(nw.BadInput, match="recorded no epoch"):
        Experiment.of("digits", method=recipe, **QUICK).run()


def test_of_takes_a_config_or_its_fields():
    assert Experiment.of("digits", config=Config(epochs=3)) == Experiment.of("digits", epochs=3)
    for also in ({"lr": 0.1}, {"epochs": 2}, {"seed": 1}, {"method": "dividemix", "preset": "paper-cifar10-sym50"}):
        with pytest.raises(nw.BadInput, match=f"along with {list(also)[-1]}"):
            Experiment.of("digits", config=Config(), **also)
    with pytest.raises(nw.BadInput, match="probe=3"):
        Experiment.of("digits", probe=3)


def test_train_runs_an_experiment_and_what_was_written_of_it():
    experiment = quick(seed=3)
    run = train(experiment)
    assert same(experiment.run(), run)
    assert same(run, train(json.loads(json.dumps(run.metrics["experiment"]))))
    for more in ({"method": "gce"}, {"model": "mlp"}, {"epochs": 3}, {"seed": 1}, {"lr": 0.1}):
        with pytest.raises(nw.BadInput, match=f"{next(iter(more))}=.* along with an experiment"):
            train(experiment, **more)
    with pytest.raises(nw.BadInput, match=r"no field 'sorce'.*'source'"):
        train({"sorce": "digits"})
    with pytest.raises(nw.BadInput, match="needs the field 'source'"):
        train({"rows": 100})
