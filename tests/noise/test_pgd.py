"""Adversarial examples as noise."""

import dataclasses

import numpy as np
import pytest
import torch

from noisewise.data import load, subset
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise import corrupt
from noisewise.noise.inputs.pgd import PGD, Scale, input_gradient, train_surrogate


@pytest.fixture(scope="module")
def digits():
    """All training rows of digits."""
    return load("digits")


def loss_of(net, data):
    x = Scale.of(data).scaled(data.inputs[:])
    with torch.no_grad():
        return float(torch.nn.functional.cross_entropy(net(x), torch.from_numpy(data.given)))


def test_inputs_stay_in_their_box_and_their_range(digits):
    for eps in (0.05, 0.3):
        moved = corrupt(digits, f"pgd:{eps},steps=5,batches=20")
        distance = np.abs(moved.inputs[:].astype(int) - digits.inputs[:].astype(int))
        assert moved.inputs.dtype == digits.inputs.dtype
        assert 0.5 * np.floor(255 * eps) < distance.max() <= np.floor(255 * eps)
        np.testing.assert_array_equal(moved.given, digits.given)


def test_adversarial_examples_transfer_to_another_network(digits):
    other = train_surrogate(digits, Scale.of(digits), 300, np.random.default_rng(7))
    adversarial = corrupt(digits, "pgd:0.2,batches=300")
    signs = np.random.default_rng(0).choice([-51, 51], size=digits.inputs.shape)
    random = dataclasses.replace(digits, inputs=np.clip(digits.inputs[:] + signs, 0, 255).astype(np.uint8))
    assert loss_of(other, adversarial) > 3 * loss_of(other, random)
    assert loss_of(other, random) > loss_of(other, digits)


def test_the_same_spec_and_seed_give_the_same_noise_and_spend_no_random_number(digits):
    few = subset(digits, 200, seed=0)
    state = torch.get_rng_state()
    one, again, other = (corrupt(few, "pgd:0.1,steps=2,batches=20", seed=s).inputs for s in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert torch.equal(state, torch.get_rng_state())


def test_one_step_without_a_start_moves_every_pixel_to_the_end(digits):
    """The fast gradient sign method: each pixel moves by eps, or to the end of its range."""
    few = subset(digits, 200, seed=0)
    moved = corrupt(few, "pgd:0.1,steps=1,start=input,batches=50").inputs[:].astype(int)
    x = few.inputs[:].astype(int)
    at_end = (moved == np.minimum(x + 25, 255)) | (moved == np.maximum(x - 25, 0))
    assert at_end.mean() > 0.99


def test_euclidean_balls_hold(digits):
    few = subset(digits, 200, seed=0)
    moved = corrupt(few, "pgd:0.5,norm=l2,steps=5,batches=50").inputs[:].astype(float)
    lengths = np.sqrt(np.square((moved - few.inputs[:]) / 255).sum(axis=(1, 2, 3)))
    assert lengths.max() <= 0.5 + 1e-9
    assert lengths.mean() > 0.4


def test_a_targeted_attack_leads_to_the_next_class(digits):
    """Against the attacked network itself; of an attack away from the class few rows end there."""
    few = subset(digits, 300, seed=0)
    scale = Scale.of(few)
    net = train_surrogate(few, scale, 200, np.random.default_rng(5))
    shares = {}
    for target in ("away", "next"):
        moved = PGD(0.3, target=target)._attack(net, few.inputs[:], few.given, 10, scale)
        with torch.no_grad():
            chosen = net(scale.scaled(moved)).argmax(dim=1).numpy()
        shares[target] = (chosen == (few.given + 1) % 10).mean()
    assert shares["next"] > shares["away"] + 0.5


def test_vectors_move_by_standard_deviations_of_their_columns():
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((200, 3)) * [1, 10, 0] + [5, 0, 2]).astype(np.float32)
    data = Dataset(x, (x[:, 1] > 0).astype(np.int64), ("a", "b"))
    distance = np.abs(corrupt(data, "pgd:0.5").inputs - x).max(axis=0)
    spread = x.std(axis=0)
    assert distance[0] <= 0.5 * spread[0] * 1.001
    assert 0.99 < distance[1] / (0.5 * spread[1]) < 1.01
    assert distance[2] <= 0.5


def test_input_gradient_of_a_linear_network():
    net = torch.nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    x = torch.tensor([[0.5, 0.25]])
    p = torch.tensor([0.5, 0.5])
    found = input_gradient(net, x, torch.tensor([0]))
    torch.testing.assert_close(found, ((p - torch.tensor([1.0, 0.0])) @ net.weight.detach())[None])


@pytest.mark.parametrize(
    "spec", ["pgd", "pgd:-1", "pgd:0.1,steps=0", "pgd:0.1,batches=0", "pgd:0.1,norm=l1", "pgd:0.1,target=all"]
)
def test_what_cannot_be_asked_is_refused(digits, spec):
    with pytest.raises(BadInput, match="pgd"):
        corrupt(digits, spec)


def test_inputs_that_cannot_be_attacked_are_rejected():
    labels = np.array([0, 1, 0, 1])
    broken = Dataset(np.array([[1.0], [np.nan], [2.0], [3.0]]), labels, ("a", "b"))
    with pytest.raises(BadInput, match="finite"):
        corrupt(broken, "pgd:0.1")
    with pytest.raises(BadInput, match="texts"):
        corrupt(Dataset(np.array(["a", "b", "c", "d"], dtype=object), labels, ("a", "b"), "text"), "pgd:0.1")


def test_constant_columns_do_not_change():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.int64):
        inputs = np.column_stack([10 * rng.normal(size=40), np.full(40, 7)]).astype(dtype)
        data = Dataset(inputs, rng.integers(0, 2, 40), ("a", "b"))
        moved = corrupt(data, "pgd:2,steps=2,batches=3").inputs[:]
        np.testing.assert_array_equal(moved[:, 1], inputs[:, 1])
        assert (moved[:, 0] != inputs[:, 0]).any()


def test_true_and_false_stay_within_their_box():
    rng = np.random.default_rng(0)
    data = Dataset(rng.random((40, 4)) < 0.5, rng.integers(0, 2, 40), ("a", "b"))
    moved = corrupt(data, "pgd:0.1,steps=2,batches=3").inputs[:]
    np.testing.assert_array_equal(moved, data.inputs[:])


def test_labels_alone_are_refused_as_such():
    labels = Dataset(np.zeros((4, 0), dtype=np.float32), np.array([0, 1, 0, 1]), ("a", "b"))
    with pytest.raises(BadInput, match="labels alone"):
        corrupt(labels, "pgd:0.1")
