"""Methods at different stations train together; what cannot is refused in one sentence."""

import pytest

import noisewise as nw
from noisewise.errors import BadInput
from noisewise.methods import build

SETTINGS = {"model": "mlp:widths=128", "epochs": 20, "seed": 1, "lr": 0.1, "corrupt": "symmetric:0.4", "trusted": 100}


@pytest.mark.parametrize(
    "spec", ["cdr:tau=0.4+gce", "sam+bootstrap-soft:beta=0.8", "coteaching+gce", "elr+cdr+sam", "meta-weight-net+gce"]
)
def test_a_chain_trains(spec):
    run = nw.train("digits", method=spec, **SETTINGS)
    assert run.metrics["test_accuracy_last"] > 0.65


def test_each_part_of_a_chain_has_its_effect():
    runs = {
        spec: nw.train("digits", method=spec, **{**SETTINGS, "epochs": 3}).history["train_loss"].tolist()
        for spec in ("gce", "cdr:tau=0.4", "cdr:tau=0.4+gce", "gce+cdr:tau=0.4")
    }
    assert runs["cdr:tau=0.4+gce"] != runs["gce"]
    assert runs["cdr:tau=0.4+gce"] != runs["cdr:tau=0.4"]
    assert runs["cdr:tau=0.4+gce"] == runs["gce+cdr:tau=0.4"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mixup+elr", "mixtures would spoil"),
        ("elr+mixup", "mixtures would spoil"),
        ("gce+gce:q=0.5", "each bring a loss"),
        ("glc+gce", "is a recipe"),
        ("l2rw+meta-weight-net", "choose one"),
        ("gce+", "missing"),
    ],
)
def test_what_cannot_compose_is_refused(spec, words):
    with pytest.raises(BadInput, match=words) as caught:
        build(spec)
    assert "\n" not in str(caught.value)
