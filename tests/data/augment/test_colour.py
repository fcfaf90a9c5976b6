"""Every operation on colours and places against Pillow's."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from noisewise.data.augment import colour
from noisewise.data.augment.policies import move, rotate, shear

BYTE = 1 / 255


def photographs(channels, size=(32, 32), n=12):
    """Random images, as bytes (n, H, W, C): coarse noise enlarged, of different contrasts, and a little fine noise."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(n):
        coarse = rng.integers(256, size=(5, 6, channels), dtype=np.uint8)
        pixels = coarse if channels == 3 else coarse[..., 0]
        large = np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BICUBIC))
        image = 20 * (number % 4) + large.reshape(*size, channels) * (0.3 + 0.06 * number)
        found.append((image + rng.normal(0, 12, image.shape)).clip(0, 255))
    return np.stack(found).astype(np.uint8)


def by_pillow(images, function):
    """The function of Pillow on every image, as floats (n, C, H, W) in [0, 1]."""
    shown = [Image.fromarray(image if image.shape[-1] == 3 else image[..., 0]) for image in images]
    done = np.stack([np.asarray(function(image, number)) for number, image in enumerate(shown)])
    return torch.tensor(done.reshape(images.shape)).permute(0, 3, 1, 2).float() / 255


def unit(images):
    return torch.tensor(images).permute(0, 3, 1, 2).float() / 255


FACTORS = torch.tensor([0.1, 0.4, 0.55, 0.8, 0.95, 1.0, 1.1, 1.3, 1.45, 1.6, 1.8, 1.9])
kinds = pytest.mark.parametrize("channels, size", [(3, (32, 32)), (1, (28, 28)), (3, (24, 40))])


@kinds
@pytest.mark.parametrize(
    "ours, theirs",
    [
        (colour.brightness, ImageEnhance.Brightness),
        (colour.colour, ImageEnhance.Color),
        (colour.contrast, ImageEnhance.Contrast),
        (colour.sharpness, ImageEnhance.Sharpness),
    ],
)
def test_enhancements(ours, theirs, channels, size):
    images = photographs(channels, size)
    expected = by_pillow(images, lambda image, number: theirs(image).enhance(float(FACTORS[number])))
    found = ours(unit(images), FACTORS)
    # Pillow rounds the image it blends with, cuts the result off, and both are amplified by the factor.
    assert (found - expected).abs().max() <= 2 * BYTE
    assert (found - expected).abs().mean() <= BYTE
    changed = (expected - unit(images)).abs().max()
    assert changed > 20 * BYTE or (changed == 0 and channels == 1 and ours is colour.colour)


@kinds
def test_equalize_and_invert_are_exact(channels, size):
    images = photographs(channels, size)
    images[0] = 77  # of one colour
    images[1] = np.where(images[1] > 60, 60, 200)  # of two
    torch.testing.assert_close(colour.equalize(unit(images)), by_pillow(images, lambda i, _: ImageOps.equalize(i)))
    torch.testing.assert_close(colour.invert(unit(images)), by_pillow(images, lambda i, _: ImageOps.invert(i)))


@kinds
def test_posterize_and_solarize_are_exact(channels, size):
    images = photographs(channels, size)
    bits, thresholds = torch.arange(12) % 8 + 1, torch.linspace(0, 256, 12).round()
    expected = by_pillow(images, lambda image, n: ImageOps.posterize(image, int(bits[n])))
    torch.testing.assert_close(colour.posterize(unit(images), bits), expected)
    expected = by_pillow(images, lambda image, n: ImageOps.solarize(image, int(thresholds[n])))
    torch.testing.assert_close(colour.solarize(unit(images), thresholds), expected)


@kinds
def test_auto_contrast(channels, size):
    images = photographs(channels, size)
    images[0] = 77
    expected = by_pillow(images, lambda image, _: ImageOps.autocontrast(image))
    assert (colour.auto_contrast(unit(images)) - expected).abs().max() <= 1.01 * BYTE


def moved(amount):
    """Pillow's matrices of a shear or translation along and down."""
    return {
        "shear": ((1, amount, 0, 0, 1, 0), (1, 0, 0, amount, 1, 0)),
        "move": ((1, 0, amount, 0, 1, 0), (1, 0, 0, 0, 1, amount)),
    }


def agree(found, expected):
    """All but a few pixels, whose place lies on a border that Pillow rounds to a 65,536th."""
    return float(((found - expected).abs() < BYTE / 2).all(dim=1).float().mean()) > 0.995


AMOUNTS = torch.linspace(-0.3, 0.3, 12)


@kinds
@pytest.mark.parametrize("down", [False, True])
def test_shears_and_translations(down, channels, size):
    images, black = photographs(channels, size), torch.zeros(channels, 1, 1)

    def by(kind, amounts):
        return by_pillow(
            images,
            lambda image, n: image.transform(image.size, Image.Transform.AFFINE, moved(float(amounts[n]))[kind][down]),
        )

    assert agree(shear(unit(images), AMOUNTS, black, down=down), by("shear", AMOUNTS))
    pixels = (AMOUNTS * size[0 if down else 1]).trunc()
    assert agree(move(unit(images), AMOUNTS, black, down=down), by("move", pixels))


@kinds
def test_rotations(channels, size):
    images, black, degrees = photographs(channels, size), torch.zeros(channels, 1, 1), 100 * AMOUNTS
    expected = by_pillow(images, lambda image, n: image.rotate(float(degrees[n])))
    assert agree(rotate(unit(images), degrees, black), expected)
    assert not agree(rotate(unit(images), -degrees, black), expected)
