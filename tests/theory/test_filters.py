import numpy as np
import pytest
import torch

from noisewise.errors import BadInput
from noisewise.theory.filters import MAPS, gabor, gabor_bank, pixels, random_convolution


def gratings(wavelength, turn, shift=0.0):
    down, across = np.mgrid[:28, :28]
    u = np.cos(turn) * across + np.sin(turn) * down
    return np.cos(2 * np.pi * (u - shift) / wavelength).astype(np.float32)[None, :, :, None]


def test_pixels_are_lines():
    images = np.arange(2 * 3 * 2 * 1).reshape(2, 3, 2, 1)
    assert pixels(images).tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_wavelets_have_sum_zero_and_norm_one():
    real, imaginary = gabor_bank()
    assert real.shape == (16, 13, 13)
    assert torch.allclose(real.sum(dim=(1, 2)), torch.zeros(16), atol=1e-5)
    assert torch.allclose(imaginary.sum(dim=(1, 2)), torch.zeros(16), atol=1e-5)
    assert torch.allclose((real**2 + imaginary**2).sum(dim=(1, 2)), torch.ones(16), atol=1e-5)


@pytest.mark.parametrize("wavelength, first", [(3.0, 0), (6.0, 8)])
@pytest.mark.parametrize("orientation", range(8))
def test_each_wavelet_answers_to_its_own_grating(wavelength, first, orientation):
    found = gabor(gratings(wavelength, np.pi * orientation / 8)).reshape(17, 7, 7)[:16, 3, 3]
    assert found.argmax() == first + orientation


def test_gabor_moduli_are_phase_invariant():
    one, other = (gabor(gratings(6.0, 0.0, shift)).reshape(17, 7, 7)[8, 2:5, 2:5] for shift in (0.0, 1.5))
    assert one == pytest.approx(other, rel=0.1)


def test_the_last_channel_is_the_mean_of_each_cell():
    images = np.random.default_rng(0).random((3, 28, 28, 1), dtype=np.float32)
    found = gabor(images).reshape(3, 17, 7, 7)[:, 16]
    assert found == pytest.approx(images.reshape(3, 7, 4, 7, 4).mean(axis=(2, 4)), abs=1e-5)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 8, 1)])
def test_every_image_is_mapped_by_itself(name, shape):
    images = np.random.default_rng(0).random((5, *shape), dtype=np.float32)
    together = MAPS[name](images)
    assert together.ndim == 2
    assert together.dtype == np.float32
    assert MAPS[name](images[3:4]) == pytest.approx(together[3:4], abs=1e-5)


def test_random_filters_are_invariant_to_brightness():
    images = np.random.default_rng(0).random((2, 28, 28, 1), dtype=np.float32)
    inner = [random_convolution(images + shift).reshape(2, 64, 7, 7)[:, :, 1:6, 1:6] for shift in (0, 5)]
    assert inner[0] == pytest.approx(inner[1], abs=1e-4)
    assert not np.allclose(random_convolution(images, seed=1), random_convolution(images))


@pytest.mark.parametrize("function", [gabor, random_convolution])
def test_vectors_are_refused(function):
    with pytest.raises(BadInput, match="are not images"):
        function(np.zeros((3, 10), dtype=np.float32))


def test_a_coarser_grid_averages_a_finer_one():
    images = np.random.default_rng(0).random((3, 8, 8, 2)).astype(np.float32)
    fine = random_convolution(images, 4, cells=2).reshape(3, 4, 4)
    assert random_convolution(images, 4, cells=1) == pytest.approx(fine.mean(axis=2), abs=1e-6)
    assert (random_convolution(images, 4) == fine.reshape(3, 16)).all()
