"""RandAugment, AutoAugment and specs of augmentation."""

from collections import Counter

import numpy as np
import pytest
import torch

from noisewise.data import Dataset
from noisewise.data.augment import Augment
from noisewise.data.augment import policies as of_policies
from noisewise.data.augment.learned import POLICIES
from noisewise.data.augment.spec import check_setting, strong_augment, weak_augment
from noisewise.errors import BadInput

MEAN, STD = torch.tensor([0.4, 0.5, 0.6])[:, None, None], torch.tensor([0.2, 0.25, 0.3])[:, None, None]
BOX = (-MEAN / STD, (1 - MEAN) / STD)
SPECS = [
    "crop:2",
    "crop:2,pad=zero",
    "flip",
    "cutout:5",
    "cutout:5,smaller=true",
    "jitter:0.1",
    "randaugment:3,5",
    "randaugment:2,10",
    "randaugment:3",
    *(f"autoaugment:{name}" for name in POLICIES),
    "crop:4+flip+randaugment:3,5+cutout:4",
]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def images(channels=3, size=(16, 12), n=64):
    unit = torch.rand(n, channels, *size, generator=rng(3)) ** 2
    return (unit - MEAN[:channels]) / STD[:channels]


def box(channels):
    return tuple(end[:channels] for end in BOX)


@pytest.mark.parametrize("text", SPECS)
@pytest.mark.parametrize("channels, size", [(3, (16, 12)), (1, (9, 9)), (3, (40, 56))])
def test_all_randomness_is_of_the_generator(text, channels, size):
    x = images(channels, size)
    before, state = x.clone(), torch.get_rng_state()
    one, again, other = (Augment(text)(x, rng(seed), box(channels)) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(x, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.shape == x.shape
    assert one.dtype == x.dtype


@pytest.mark.parametrize("text", [text for text in SPECS if "jitter" not in text])
def test_images_stay_between_black_and_white(text):
    found = Augment(text)(images(), rng(), BOX) * STD + MEAN
    assert found.min() > -1e-5
    assert found.max() < 1 + 1e-5


@pytest.mark.parametrize("text", SPECS)
def test_the_units_of_the_inputs_do_not_matter(text):
    """The same images, normalised by other statistics, end as the same images."""
    if "jitter" in text:
        pytest.skip("noise is in the units of the inputs")
    unit = images() * STD + MEAN
    found = Augment(text)(images(), rng(), BOX) * STD + MEAN
    # The mean colour, which fills what is cut out, is the same; a colour between two bytes may be rounded either way.
    again = Augment(text)((unit - MEAN) / 0.5, rng(), (-MEAN / 0.5, (1 - MEAN) / 0.5)) * 0.5 + MEAN
    assert float(((found - again).abs() > 1e-3).float().mean()) < 0.01


@pytest.mark.parametrize("text", SPECS)
def test_memory_format_stays(text):
    last = images().contiguous(memory_format=torch.channels_last)
    assert Augment(text)(last, rng(), BOX).is_contiguous(memory_format=torch.channels_last)


def drawn(monkeypatch, text, n):
    """How often which operation was applied, with its magnitudes and signs."""
    seen, magnitudes = Counter(), []

    def applied(x, chosen, m, sign, mean):
        seen.update(of_policies._NAMES[number] for number in chosen.tolist())
        magnitudes.append((chosen, m, sign))
        return x

    monkeypatch.setattr(of_policies, "_applied", applied)
    Augment(text)(images(n=n, size=(4, 4)), rng(), BOX)
    return seen, magnitudes


def test_operations_of_randaugment_are_equally_frequent(monkeypatch):
    seen, magnitudes = drawn(monkeypatch, "randaugment:3,5", 4000)
    assert len(seen) == 14
    assert "invert" not in seen
    assert all(abs(count / (3 * 4000 / 14) - 1) < 0.15 for count in seen.values())
    assert len(magnitudes) == 3
    for chosen, m, _ in magnitudes:
        factors = torch.isin(chosen, torch.nonzero(of_policies._SIGNED_FACTORS)[:, 0])
        assert m[factors].unique().tolist() == [0.25, 0.75]  # factors 1 - .45 and 1 + .45
        assert m[~factors].unique().tolist() == [0.5]


def test_magnitudes_are_drawn_where_none_is_stated(monkeypatch):
    _, magnitudes = drawn(monkeypatch, "randaugment:1", 4000)
    (_, m, _), *_ = magnitudes
    assert m.min() < 0.01
    assert m.max() > 0.99
    assert abs(float(m.mean()) - 0.5) < 0.02


@pytest.mark.parametrize("policy", POLICIES)
def test_operations_of_autoaugment_have_the_frequencies_of_the_policy(policy, monkeypatch):
    n = 8000
    seen, _ = drawn(monkeypatch, f"autoaugment:{policy}", n)
    expected = Counter()
    for pair in POLICIES[policy]:
        for name, chance, _ in pair:
            expected[name] += chance * n / 25
    for name, count in expected.items():
        assert abs(seen[name] - count) < 5 * count**0.5 + 1
    assert all(len(pair) == 2 for pair in POLICIES[policy])
    assert len(POLICIES[policy]) == 25


def test_rows_that_drew_one_operation_are_not_mixed_up():
    x = torch.randint(256, (30, 3, 5, 5), generator=rng()).to(torch.uint8)
    mean = torch.zeros(3, 1, 1, dtype=torch.uint8)
    chosen = torch.arange(30) % len(of_policies._NAMES)
    m, sign = torch.linspace(0, 1, 30), torch.where(torch.arange(30) % 2 == 0, 1.0, -1.0)
    together = of_policies._applied(x, chosen, m, sign, mean)
    alone = [
        of_policies._applied(x[i : i + 1], chosen[i : i + 1], m[i : i + 1], sign[i : i + 1], mean) for i in range(30)
    ]
    assert torch.equal(together, torch.cat(alone))


def data(kind, shape):
    rng = np.random.default_rng(0)
    if kind == "image":
        return Dataset(rng.integers(256, size=(4, *shape), dtype=np.uint8), np.arange(4) % 2, ("a", "b"), "image")
    return Dataset(rng.random((4, *shape), dtype=np.float32), np.arange(4) % 2, ("a", "b"), kind)


@pytest.mark.parametrize(
    "kind, shape, weak, strong",
    [
        ("image", (32, 32, 3), "crop:4+flip", "crop:4+flip+randaugment:3,5"),
        ("image", (128, 96, 3), "crop:12+flip", "crop:12+flip+randaugment:3,5"),
        ("image", (6, 6, 3), "flip", "flip+randaugment:3,5"),
        ("image", (28, 28, 1), None, None),
        ("image", (32, 32, 4), None, None),
        ("table", (5,), None, None),
        ("text", (5,), None, None),
        ("vector", (5,), None, None),
    ],
)
def test_what_auto_means(kind, shape, weak, strong):
    rows = data(kind, shape)
    found = weak_augment("auto", rows)
    assert (found and found.text) == weak
    second = strong_augment("auto", found, rows)
    assert (second and second.text) == strong
    assert weak_augment("none", rows) is strong_augment("none", found, rows) is None
    assert strong_augment("auto", None, rows) is None
    if weak:
        found(torch.zeros(2, shape[2], *shape[:2]), rng())


@pytest.mark.parametrize(
    "text, says",
    [
        ("crop", "needs 'pixels'"),
        ("crop:0", "pixels=0 must be a whole number of at least 1"),
        ("crop:4,pad=mirror", "pad='mirror' must be one of reflect, zero"),
        ("flip:2", "flip takes no arguments"),
        ("randaugment:0,5", "operations=0"),
        ("randaugment:3,11", "magnitude=11 must lie between 0 and 10"),
        ("autoaugment:cifar", "policy='cifar' must be one of cifar10, imagenet, svhn"),
        ("jitter:0", "size=0"),
        ("crop:4++flip", "a augmentation is missing"),
        ("shear", "unknown augmentation 'shear'"),
        ("", "missing"),
        (3, "steps such as crop"),
    ],
)
def test_what_is_no_spec(text, says):
    with pytest.raises(BadInput, match=r"augment=.*must be auto, none or steps") as caught:
        check_setting("augment", text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text, kind, shape, says",
    [
        ("jitter:0.1+flip", "table", (5,), "flip is for images"),
        ("crop:8", "image", (8, 9, 3), "pixels=8 must be less than the sides"),
    ],
)
def test_specs_that_do_not_fit_the_data(text, kind, shape, says):
    with pytest.raises(BadInput, match=says):
        weak_augment(text, data(kind, shape))


def test_colours_without_the_values_of_black_and_white():
    with pytest.raises(BadInput, match="black and white"):
        Augment("randaugment:2,5")(images(), rng())
