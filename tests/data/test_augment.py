import numpy as np
import pytest
import torch

from noisewise.data.augment import Augment, cutout, default_augment, flip, translate
from noisewise.errors import BadInput


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[torch.channels_last, torch.contiguous_format])
def x(request):
    return torch.randn(7, 3, 6, 5, generator=rng(9)).to(memory_format=request.param)


def translated_one_by_one(x, pixels):
    offsets = torch.randint(-pixels, pixels + 1, (len(x), 2), generator=rng())
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (pixels, pixels), (pixels, pixels)), mode="reflect")
    found = []
    for image, (down, right) in zip(padded, offsets.tolist(), strict=True):
        top, left = pixels + down, pixels + right
        found.append(image[:, top : top + x.shape[2], left : left + x.shape[3]])
    return np.stack(found)


@pytest.mark.parametrize("pixels", [0, 1, 4])
def test_translate(x, pixels):
    np.testing.assert_array_equal(translate(x, rng(), pixels).numpy(), translated_one_by_one(x, pixels))


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
    assert torch.equal(Augment(2, True, 3)(x, rng(3)), expected)
    assert Augment()(x, rng()) is x


def test_channels_last_stays(x):
    x = x.contiguous(memory_format=torch.channels_last)
    assert Augment(2, True, 3)(x, rng()).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("pixels", [-1, 5, 6])
def test_pixels_out_of_range(x, pixels):
    with pytest.raises(BadInput, match=f"pixels={pixels} must be from 0 to below the image size 6 x 5"):
        translate(x, rng(), pixels)


def test_size_out_of_range(x):
    with pytest.raises(BadInput, match="size=-1"):
        cutout(x, rng(), -1)


def test_default_is_for_small_photographs(images):
    assert default_augment(images(4, 2, size=32, channels=3)) == Augment(pixels=4, flip=True)
    assert default_augment(images(4, 2, size=32, channels=1)) is None
    assert default_augment(images(4, 2, size=28, channels=3)) is None
