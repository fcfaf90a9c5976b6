"""Probes by name, the rows they are shown, and probes attached to runs."""

import numpy as np
import pytest
import torch

import noisewise as nw
from noisewise.probes import PROBES, build
from noisewise.probes.build import positions


@pytest.fixture(scope="module")
def noisy():
    """Few digits with wrong labels."""
    return nw.corrupt(nw.subset(nw.load("digits"), 300, seed=0), "symmetric:0.3", seed=0)


@pytest.mark.parametrize(
    "text",
    ["label-fit,effective-parameters:threshold=0.1,every=3", "label-fit+effective-parameters:every=3,threshold=0.1"],
)
def test_names_are_joined_by_commas_or_plus(text):
    first, second = build(text)
    assert (first.card.name, second.card.name) == ("label-fit", "effective-parameters")
    assert (first.every, second.every, second.threshold) == (1, 3, 0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label-fix", "unknown probe 'label-fix'.*label-fit"),
        ("label-fit:often=3", "no option 'often'"),
        ("label-fit,label-fit", "twice"),
        ("label-fit,", "missing"),
        ("label-fit:every=zero", "every='zero' must be a whole number of at least 1"),
        (7, "not 7"),
    ],
)
def test_what_cannot_be_asked_is_refused(text, said):
    with pytest.raises(nw.BadInput, match=said):
        build(text)


def test_rows_are_drawn_evenly_over_labels():
    given = torch.tensor([0] * 50 + [1] * 5 + [2] * 45)
    chosen = given[positions(given, 30, seed=0)]
    assert torch.bincount(chosen).tolist() == [12, 5, 13] or torch.bincount(chosen).tolist() == [13, 5, 12]
    assert len(positions(given, 1000, seed=0).unique()) == 100
    assert not torch.equal(positions(given, 30, seed=0), positions(given, 30, seed=1))


def test_a_probe_that_needs_truth_is_refused_without_it(noisy):
    with pytest.raises(nw.BadInput, match=r"label-fit.*true labels"):
        nw.train(noisy.blind(), "ce", epochs=1, probe="label-fit")


def test_what_cannot_be_measured_is_refused_before_the_training(noisy, monkeypatch):
    told = []

    def measure(self, subject):
        raise nw.BadInput("no such network")

    monkeypatch.setattr(PROBES["effective-parameters"], "measure", measure)
    with pytest.raises(nw.BadInput, match="no such network"):
        nw.train(noisy, "ce", model="mlp:8", epochs=1, probe="effective-parameters", on_epoch=told.append)
    assert told == []


def test_label_fit_agrees_with_the_predictions(noisy):
    run = nw.train(
        noisy, "ce", model="fast", epochs=4, validation=0.0, augment="none", select="last", probe="label-fit"
    )
    predicted = run.predict(noisy.inputs[:])
    wrong = noisy.given != noisy.truth
    last = run.history.iloc[-1]
    assert last["noisy_given"] == pytest.approx(np.mean((predicted == noisy.given)[wrong]), abs=1e-6)
    assert last["noisy_true"] == pytest.approx(np.mean((predicted == noisy.truth)[wrong]), abs=1e-6)
    assert last["clean_given"] == pytest.approx(np.mean((predicted == noisy.given)[~wrong]), abs=1e-6)


def test_effective_parameters_are_counted():
    from noisewise.probes import Subject

    net = torch.nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0005, -0.5], [0.5, -0.001]]))
        net.bias.copy_(torch.tensor([0.0, 1.0]))
    x, given = torch.zeros(2, 2), torch.tensor([0, 1])
    found = PROBES["effective-parameters"]().measure(Subject(x, given, 2, torch.Generator(), net))
    assert found == {
        "effective_parameters": 0.5,
        "effective_parameters/weight": 0.5,
        "effective_parameters/bias": 0.5,
    }


def test_a_killed_run_keeps_what_was_measured(noisy, tmp_path, monkeypatch):
    monkeypatch.setattr("noisewise.training.resume.CHECKPOINT_SECONDS", 0.0)
    options = {"model": "mlp:8", "epochs": 4, "probe": "label-fit,effective-parameters"}
    whole = nw.train(noisy, "ce", **options)

    def killed(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nw.train(noisy, "ce", out=tmp_path / "run", on_epoch=killed, **options)
    resumed = nw.train(noisy, "ce", out=tmp_path / "run", resume=True, **options)
    columns = ["clean_given", "noisy_given", "effective_parameters"]
    assert resumed.history[columns].equals(whole.history[columns])


@pytest.mark.parametrize(
    "option",
    ["label-fit:examples=1e3", "fisher:every=1.5", "curvature:top=1.5", "curvature:draws=2.5", "lid:batch=3.5",
     "lid:neighbours=2.5", "complexity:permutations=1.5", "gradient-noise:batch=1.5"],
)  # fmt: skip
def test_counts_must_be_whole_numbers(option):
    with pytest.raises(nw.BadInput, match="whole number"):
        build(option)


def test_what_torch_cannot_differentiate_is_refused_in_one_sentence(noisy):
    class Asking(torch.nn.Module):
        """A network whose way depends on its numbers, which no vmap can follow."""

        def __init__(self, shape, classes):
            super().__init__()
            self.out, self.scale = torch.nn.Linear(64, classes), torch.nn.Parameter(torch.ones(1))

        def forward(self, x):
            """Logits."""
            return self.out(x.flatten(1)) * (self.scale if x.sum().item() < 1e9 else 0)

    with pytest.raises(nw.BadInput, match="'fisher' cannot measure this network"):
        nw.train(noisy, "ce", model=Asking, epochs=1, probe="fisher")


def test_networks_that_a_recipe_made_itself_do_not_end_the_run(noisy):
    run = nw.train(noisy, "adaboost", model="mlp:8", epochs=1, probe="lid,label-fit")
    assert run.history[["lid", "lid_median"]].isna().all(axis=None)
    assert run.history["clean_given"].notna().all()


@pytest.mark.parametrize("probe", PROBES)
def test_a_network_that_has_died_is_measured(noisy, probe):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8), torch.nn.ReLU(), torch.nn.Linear(8, 10))
    with torch.no_grad():
        net[1].bias.fill_(-1000.0)
    run = nw.train(noisy, "ce", model=net, epochs=1, probe=f"{probe}:examples=40")
    assert set(PROBES[probe].card.columns) <= set(run.history)


def test_labels_alone_have_nothing_to_measure():
    labels = nw.Dataset(np.zeros((4, 0), dtype=np.float32), np.array([0, 1, 0, 1]), ("a", "b"))
    with pytest.raises(nw.BadInput, match="labels alone"):
        nw.probe(labels, "lid")


def test_without_probes_no_further_network_is_built(noisy):
    built = []

    def counted(shape, classes):
        built.append(shape)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, classes))

    nw.train(noisy, "ce", model=counted, epochs=1)
    plain = len(built)
    nw.train(noisy, "ce", model=counted, epochs=1, probe="label-fit")
    assert (plain, len(built)) == (1, 3)
