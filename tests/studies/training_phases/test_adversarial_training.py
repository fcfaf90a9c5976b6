"""The study of adversarial training, on planted results and on digits."""

import numpy as np
import pytest
import torch
from torch import nn

from noisewise.compute import Result
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import draw
from noisewise.studies.training_phases.adversarial_training import (
    EPS,
    OTHER_ATTACKS,
    RADII,
    as_noise,
    robust,
    settings,
)
from noisewise.studies.training_phases.attacks import (
    Defence,
    as_bytes,
    attack,
    challenge_net,
    lengths,
    random_like,
    trained_net,
)
from noisewise.training import Training
from noisewise.training.networks import Networks

AT = RADII.index(EPS)


def planted(plain=(0.98, 0.05), trained=(0.95, 0.85), noise=None, robustly=None, defended=None):
    study = find("adversarial-training")
    items = []
    for task in study.tasks("cpu"):
        if task.name == "as_noise":
            values = {"clean": 0.96, "random": np.array([0.96, 0.95, 0.93]), "adversarial": np.array([0.9, 0.85, 0.8])}
            values |= noise or {}
        else:
            plainly = task.arguments.get("eps") is None
            clean, attacked = plain if plainly else trained
            accuracy = np.where(np.arange(len(RADII)) == AT, attacked, clean)
            other = 0.1 if plainly else 0.9
            values = {
                "accuracy": accuracy,
                "euclidean_accuracy": np.full(5, other),
                **dict.fromkeys(OTHER_ATTACKS, other),
                "losses": np.linspace(0.1, 2, 21),
                "excess": 1e-8,
                "pictures": np.zeros((3, 6, 8, 8, 1)),
            }
            values |= (robustly or {}) | ({} if plainly else defended or {})
        items.append(Result(task, values, 1.0, "here"))
    return study, Results(study.scale("cpu"), tuple(items))


def failing(**options):
    study, results = planted(**options)
    return {claim.id for claim in study.judged(results) if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failing() == set()
    assert failing(plain=(0.98, 0.15)) == {"plain-falls"}
    assert failing(trained=(0.95, 0.75)) == {"trained-withstands"}
    assert failing(trained=(0.92, 0.85)) == {"price"}
    assert failing(robustly={"excess": 1e-4}) == {"in-the-box"}
    assert failing(robustly={"losses": np.linspace(2, 0.1, 21)}) == {"ascends"}
    assert failing(noise={"adversarial": np.array([0.5, 0.5, 0.92])}) == {"worse-noise"}
    assert failing(noise={"clean": 0.99}) == {"random-is-mild"}
    assert failing(defended={"fgsm": 0.84}) == {"fgsm-is-weaker"}
    assert failing(defended={"cw": 0.1}) == {"against-cw"}
    assert failing(defended={"targeted": 0.05}) == {"against-targeted"}
    assert failing(defended={"euclidean_accuracy": np.full(5, 0.05)}) == {"against-l2"}
    assert failing(defended={"fgsm": 0.05}) == {"fgsm-is-weaker", "against-fgsm"}


def test_the_figure_has_its_panels():
    study, results = planted()
    assert len(study.figure(results).axes) == 6


class Slope(nn.Module):
    """Logits (0, s) of images whose pixels sum to s: class 0 is attacked by raising every pixel."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        total = self.scale * x.flatten(1).sum(dim=1, keepdim=True)
        return torch.cat([torch.zeros_like(total), total], dim=1)


def two_images():
    inputs = np.array([[[51, 255]], [[204, 0]]], dtype=np.uint8)[..., None]
    return Dataset(
        inputs, np.array([0, 1]), ("a", "b"), "image", test=Dataset(inputs, np.array([0, 1]), ("a", "b"), "image")
    )


def test_an_attack_goes_to_the_end_of_the_box_by_hand():
    """Pixels 0.2 and 1 of class 0 rise, by 0.3 and as far as they can; 0.8 and 0 of class 1 fall."""
    training = Training(two_images(), lambda shape, classes: Slope(), settings(1, 2, 0.001, 0))
    found = attack(training, Networks([Slope()]), "test", 0.3, 10)
    assert found.inputs[:, 0, :, 0] == pytest.approx(np.array([[0.5, 1.0], [0.5, 0.0]]), abs=1e-6)
    assert found.largest == pytest.approx(0.3, abs=1e-6)
    assert len(found.losses) == 11
    assert (np.diff(found.losses) >= -1e-6).all()
    still = attack(training, Networks([Slope()]), "test", 0.0, 1)
    assert still.largest == 0
    assert still.inputs[:, 0, :, 0] == pytest.approx(np.array([[0.2, 1.0], [0.8, 0.0]]), abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "eps", "ends"),
    [
        ("fgsm", 0.3, [[0.5, 1.0], [0.5, 0.0]]),
        ("cw", 0.3, [[0.5, 1.0], [0.5, 0.0]]),
        ("targeted", 0.3, [[0.5, 1.0], [0.5, 0.0]]),
        ("l2", 0.1, [[0.3, 1.0], [0.7, 0.0]]),
    ],
)
def test_other_attacks_by_hand(kind, eps, ends):
    """All raise the sum of the pixels of class 0; in the Euclidean norm a pixel at its end leaves all to the other."""
    training = Training(two_images(), lambda shape, classes: Slope(), settings(1, 2, 0.001, 0))
    found = attack(training, Networks([Slope()]), "test", eps, 20, kind=kind)
    assert found.inputs[:, 0, :, 0] == pytest.approx(np.array(ends), abs=1e-3)
    assert found.largest == pytest.approx(eps, abs=1e-3)
    assert found.largest <= eps + 1e-6
    assert len(found.losses) == (2 if kind == "fgsm" else 21)


def test_the_radius_grows_to_its_end():
    stages = Defence(0.3, 5, warm=2).stages(6)
    assert [count for _, count in stages] == [1, 1, 4]
    assert [method.eps for method, _ in stages] == pytest.approx([0.1, 0.2, 0.3])
    assert [count for _, count in Defence(0.3, 5).stages(6)] == [6]
    assert [method.eps for method, _ in Defence(0.3, 5, warm=9).stages(2)][-1] == 0.3


def test_random_noise_is_as_long_as_the_adversarial_perturbation():
    rng = np.random.default_rng(0)
    inputs = rng.integers(80, 176, size=(20, 8, 8, 1)).astype(np.uint8)
    moved = (inputs + rng.integers(-50, 51, size=inputs.shape)).astype(np.uint8)
    noisy = random_like(inputs, moved, 0.3, 0)
    assert lengths(inputs, noisy) == pytest.approx(lengths(inputs, moved), rel=0.02)
    assert np.corrcoef((noisy * 1.0 - inputs).ravel(), (moved * 1.0 - inputs).ravel())[0, 1] == pytest.approx(
        0, abs=0.1
    )
    assert lengths(inputs[:1], inputs[:1] + np.uint8(51)).tolist() == pytest.approx([8 * 0.2])
    assert as_bytes(np.array([-0.1, 0.0, 0.5, 1.2])).tolist() == [0, 0, 128, 255]


def test_training_on_attacks_buys_robustness():
    data = draw("digits", 600, 200, None, 0)
    config = settings(12, 50, 0.003, 0)
    found = {}
    for name, defence in (("plain", None), ("trained", Defence(0.15, 3, warm=2))):
        training, learner = trained_net(data, "mlp:64", config, defence)
        found[name] = attack(training, learner.nets, "test", 0.15, 10).accuracy
    assert found["trained"] >= found["plain"] + 0.1


def test_tasks_give_what_claims_ask(tmp_path):
    sizes = {
        "model": "mlp:16",
        "rows": 100,
        "tested": 50,
        "epochs": 2,
        "batch_size": 25,
        "rate": 0.001,
        "steps": 2,
        "seed": 0,
    }
    one = robust("digits", **sizes, scratch=tmp_path, eps=0.3, train_steps=1, warm=1, euclidean=[0.5, 1.0])
    assert one["accuracy"].shape == (len(RADII),)
    assert one["euclidean_accuracy"].shape == (2,)
    assert one["pictures"].shape == (3, 6, 8, 8, 1)
    assert all(0 <= one[kind] <= 1 for kind in OTHER_ATTACKS)
    assert one["losses"].shape == (3,)
    assert one["excess"] <= 1e-6
    other = as_noise("digits", **sizes)
    assert other["random"].shape == other["adversarial"].shape == (3,)
    assert other["random_length"] == pytest.approx(other["adversarial_length"], rel=0.15)
    assert (np.diff(other["adversarial_length"]) > 0).all()


def test_vectors_have_no_range_to_stay_in():
    data = Dataset(np.zeros((4, 3), dtype=np.float32), np.array([0, 1, 0, 1]), ("a", "b"), "vector", name="own")
    with pytest.raises(BadInput, match="only images have a range"):
        trained_net(data, "mlp:4", settings(1, 2, 0.001, 0))
    with pytest.raises(BadInput, match="images"):
        challenge_net((3,), 2)


def test_the_network_is_that_of_the_paper():
    net = challenge_net((28, 28, 1), 10)
    assert sum(p.numel() for p in net.parameters()) == 832 + 51264 + (3136 + 1) * 1024 + 10250
    assert net(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
