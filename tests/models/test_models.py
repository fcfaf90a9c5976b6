"""What every model of the catalogue promises, and the parameter counts that their papers state."""

import pytest
import torch
from torch import nn

from noisewise.errors import BadInput
from noisewise.models import MODELS, build, parameter_count, penultimate
from noisewise.models.architectures.lenet import lenet

DIGITS, FASHION, CIFAR = (8, 8, 1), (28, 28, 1), (32, 32, 3)


@pytest.fixture(scope="module", params=sorted(MODELS))
def digits_net(request):
    """A net of the catalogue for 8x8 digits; tests leave it as they found it."""
    return request.param, build(request.param, DIGITS, 10, seed=1)


def images(shape, rows=2, seed=0):
    height, width, channels = shape
    return torch.randn(rows, channels, height, width, generator=torch.Generator().manual_seed(seed))


COUNTS = [
    ("mlp:512", (28, 28, 3), 1_209_866),
    ("mlp:widths=512x512x512", (28, 28, 3), 1_735_178),
    ("fast", FASHION, 116_714),
    ("speedy", CIFAR, 294_794),
    ("lenet", FASHION, 61_706),
    ("lenet:padding=0", CIFAR, 62_006),
    ("mlp:widths=256", FASHION, 203_530),
    ("cnn4", FASHION, 422_090),
    ("cnn7", CIFAR, 518_150),
    ("cnn8", CIFAR, 1_639_794),
    ("cnn9", CIFAR, 4_434_570),
    ("resnet18", CIFAR, 11_173_962),
    ("resnet34", CIFAR, 21_282_122),
    ("resnet50:padding=0", CIFAR, 23_520_842),
    ("resnet32", CIFAR, 464_154),
    ("preact-resnet18", CIFAR, 11_171_274),
    ("preact-resnet18:stem=plain", CIFAR, 11_171_146),
    ("resnet44", CIFAR, 658_586),
    ("wide-resnet", CIFAR, 36_479_194),
    ("wide-resnet:depth=40,width=2", CIFAR, 2_243_546),
    ("alexnet-small", (28, 28, 3), 1_387_786),
    ("inception-small", (28, 28, 3), 1_649_402),
    ("inception-small:norm=false", (28, 28, 3), 1_649_402),
    ("all-cnn", CIFAR, 1_621_354),
    ("all-cnn:last=relu", CIFAR, 1_621_374),
    ("efficientnet-lite0", CIFAR, 3_383_818),
]


@pytest.mark.parametrize("model, shape, stated", COUNTS, ids=[c[0] for c in COUNTS])
def test_parameter_counts_are_the_stated_ones(model, shape, stated):
    assert parameter_count(build(model, shape, 10)) == stated


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_has_a_card_whose_example_builds(name):
    card = MODELS[name].card
    assert card.name == name
    assert card.paper
    assert isinstance(build(card.example, DIGITS, 3), nn.Module)
    digits = [int(word.replace(",", "")) for word in card.parameters.split() if word.replace(",", "").isdecimal()]
    counted = {count for spec, _, count in COUNTS if spec.partition(":")[0] == name}
    assert digits[0] in counted


@pytest.mark.parametrize("shape", [FASHION, CIFAR, (8, 8, 1), (9, 13, 2)], ids=str)
@pytest.mark.parametrize("name", sorted(set(MODELS) - {"wide-resnet"}))
def test_images_of_any_size_give_logits(name, shape):
    net = build(name, shape, 7).eval()
    with torch.no_grad():
        assert net(images(shape)).shape == (2, 7)


def test_the_wide_network_takes_small_and_large_images():
    net = build("wide-resnet", (8, 8, 1), 7).eval()
    with torch.no_grad():
        assert net(images((8, 8, 1))).shape == (2, 7)
        assert net(images((16, 12, 1))).shape == (2, 7)


def test_mlp_takes_vectors():
    assert build("mlp", (5,), 3)(torch.randn(2, 5)).shape == (2, 3)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"mlp"}))
def test_convolutional_models_refuse_vectors(name):
    with pytest.raises(BadInput, match=r"needs images of shape \(H, W, C\).*\(5,\)"):
        build(name, (5,), 3)


def test_the_seed_decides_the_weights(digits_net):
    name, net = digits_net
    again, other = build(name, DIGITS, 10, seed=1), build(name, DIGITS, 10, seed=2)
    same = [torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True)]
    differ = [not torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True)]
    assert all(same)
    assert any(differ)


def test_every_parameter_gets_a_finite_gradient(digits_net):
    _, net = digits_net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    logits = net.train()(images(DIGITS))
    nn.functional.cross_entropy(logits, torch.tensor([0, 9])).backward()
    gradients = {name: p.grad for name, p in net.named_parameters()}
    net.zero_grad()
    net.load_state_dict(before)
    assert logits.shape == (2, 10)
    assert [name for name, g in gradients.items() if g is None or not g.isfinite().all()] == []
    assert [name for name, g in gradients.items() if "weight" in name and not g.any()] == []


def test_second_derivatives_exist(digits_net):
    """Methods that learn from trusted rows differentiate through a gradient step."""
    _, net = digits_net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    loss = nn.functional.cross_entropy(net.train()(images(DIGITS)), torch.tensor([0, 9]))
    last = net[-1].weight
    (gradient,) = torch.autograd.grad(loss, last, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), last)
    net.load_state_dict(before)
    assert second.isfinite().all()
    assert second.any()


def test_state_dict_round_trip(digits_net):
    name, net = digits_net
    other = build(name, DIGITS, 10, seed=5).eval()
    other.load_state_dict(net.state_dict())
    x = images(DIGITS)
    with torch.no_grad():
        assert torch.equal(other(x), net.eval()(x))


def test_rows_are_independent_in_evaluation_mode(digits_net):
    _, net = digits_net
    x = images(DIGITS, rows=3)
    net.eval()
    with torch.no_grad():
        assert torch.allclose(net(x)[1:2], net(x[1:2]), atol=1e-5)


def test_channels_last_gives_the_same_logits(digits_net):
    _, net = digits_net
    x = images(DIGITS)
    with torch.no_grad():
        expected = net.eval()(x)
        found = net(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(expected, found, atol=1e-5)


def test_penultimate_features_and_last_layer_give_the_logits(digits_net):
    _, net = digits_net
    x = images(DIGITS)
    with torch.no_grad():
        features = penultimate(net.eval(), x)
        assert torch.allclose(net[-1](features), net(x), atol=1e-6)


def test_small_images_are_padded_around_their_middle():
    net = build("lenet", DIGITS, 10).eval()
    x = images(DIGITS)
    padded = torch.zeros(2, 1, 28, 28)
    padded[:, :, 10:18, 10:18] = x
    with torch.no_grad():
        assert torch.equal(net(x), net(padded))


def test_lenet_is_the_network_of_its_card():
    layers = [m for m in lenet((28, 28, 1), 10) if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert [tuple(m.weight.shape) for m in layers] == [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)]


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet32"])
def test_residual_networks_start_with_he_weights(name):
    for weight in large_filters(name):
        expected = (2 / (weight.shape[0] * weight.shape[2] * weight.shape[3])) ** 0.5
        assert weight.std().item() == pytest.approx(expected, rel=0.03)


def test_the_preactivated_network_starts_as_in_the_code_of_its_authors():
    for weight in large_filters("preact-resnet18"):
        assert weight.abs().max().item() == pytest.approx(weight[0].numel() ** -0.5, rel=0.01)


def large_filters(name):
    return [m.weight for m in build(name, CIFAR, 10).modules() if isinstance(m, nn.Conv2d) and m.weight.numel() > 9000]


@pytest.mark.parametrize("name", ["cnn9", "wide-resnet", "mlp", "alexnet-small", "inception-small"])
def test_dropout_acts_in_training_only_and_must_be_a_share(name):
    for bad in ("1", "-0.1", "true", "much"):
        with pytest.raises(BadInput, match=r"dropout=.* must be at least 0 and below 1"):
            build(f"{name}:dropout={bad}", DIGITS, 10)


def test_dropout_of_cnn9_changes_training_outputs():
    x = images(DIGITS)
    for spec, same in (("cnn9", False), ("cnn9:dropout=0", True)):
        net = build(spec, DIGITS, 10).train()
        with torch.no_grad():
            assert torch.equal(net(x), net(x)) is same


@pytest.mark.parametrize("widths", ["0", "a", "16x", "-3", "1.5", "none"])
def test_widths_that_cannot_be_read(widths):
    with pytest.raises(BadInput, match=r"widths=.* joined by 'x'"):
        build(f"mlp:{widths}", (5,), 3)
