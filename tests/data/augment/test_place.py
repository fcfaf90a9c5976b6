import numpy as np
import pytest
import torch

from noisewise.data.augment import Augment
from noisewise.data.augment.place import cutout, flip, translate
from noisewise.errors import BadInput


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[torch.channels_last, torch.contiguous_format])
def x(request):
    return torch.randn(7, 3, 6, 5, generator=rng(9)).to(memory_format=request.param)


def translated_one_by_one(x, pixels, **padding):
    offsets = torch.randint(-pixels, pixels + 1, (len(x), 2), generator=rng())
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (pixels, pixels), (pixels, pixels)), **padding)
    found = []
    for image, (down, right) in zip(padded, offsets.tolist(), strict=True):
        top, left = pixels + down, pixels + right
        found.append(image[:, top : top + x.shape[2], left : left + x.shape[3]])
    return np.stack(found)


@pytest.mark.parametrize("pixels", [0, 1, 4])
def test_translate(x, pixels):
    expected = translated_one_by_one(x, pixels, mode="reflect")
    np.testing.assert_array_equal(translate(x, rng(), pixels).numpy(), expected)


@pytest.mark.parametrize("pixels", [1, 4])
def test_translate_with_a_black_border(x, pixels):
    black = torch.tensor([-2.0, -1.0, 0.5])[:, None, None]
    expected = translated_one_by_one(x - black, pixels, constant_values=0) + black.numpy()
    found = Augment(f"crop:{pixels},pad=zero")(x, rng(), (black, black + 4))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_flip(x):
    chosen = torch.rand(len(x), generator=rng()) < 0.5
    assert 0 < chosen.sum() < len(x)
    expected = [image[:, :, ::-1] if c else image for image, c in zip(x.numpy(), chosen, strict=True)]
    np.testing.assert_array_equal(flip(x, rng()).numpy(), np.stack(expected))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 20])
def test_cutout(x, size):
    generator = rng()
    rows = torch.randint(0, 6, (len(x), 1), generator=generator)[:, 0].tolist()
    columns = torch.randint(0, 5, (len(x), 1), generator=generator)[:, 0].tolist()
    expected = x.numpy().copy()
    for image, row, column in zip(expected, rows, columns, strict=True):
        top, left = row - size // 2, column - size // 2
        image[:, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = 0
    np.testing.assert_array_equal(cutout(x, rng(), size).numpy(), expected)


def test_one_after_the_other(x):
    generator = rng(3)
    expected = cutout(flip(translate(x, generator, 2), generator), generator, 3)
    assert torch.equal(Augment("crop:2+flip+cutout:3")(x, rng(3)), expected)


def test_channels_last_stays(x):
    x = x.contiguous(memory_format=torch.channels_last)
    assert Augment("crop:2+flip+cutout:3")(x, rng()).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("pixels", [-1, 5, 6])
def test_pixels_out_of_range(x, pixels):
    with pytest.raises(BadInput, match=f"pixels={pixels} must be from 0 to below the image size 6 x 5"):
        translate(x, rng(), pixels)


def test_size_out_of_range(x):
    with pytest.raises(BadInput, match="size=-1"):
        cutout(x, rng(), -1)


def test_squares_of_random_edges():
    x = torch.ones(3000, 1, 31, 31)
    found = cutout(x, rng(), 8, smaller=True)
    edges = (found == 0).any(dim=2)[:, 0].sum(dim=1)
    assert edges.max() == 8
    assert edges.min() == 0
    inside = edges.bincount(minlength=9)[1:]
    assert (inside > 200).all()


def test_jitter_is_noise_of_the_stated_size():
    x = torch.randn(4000, 5)
    moved = Augment("jitter:0.3")(x, rng()) - x
    assert abs(float(moved.std()) - 0.3) < 0.01
    assert abs(float(moved.mean())) < 0.01
