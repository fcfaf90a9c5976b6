import numpy as np
import pytest

from noisewise.data.dataset import Dataset

FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def make(n=6000, k=10, d=8, classes=None, seed=3, **fields):
    """n rows of Gaussian vectors, about equally many in each of k classes."""
    rng = np.random.default_rng(seed)
    classes = tuple(classes or (f"c{i}" for i in range(k)))
    inputs = rng.standard_normal((n, d)).astype(np.float32)
    return Dataset(inputs, rng.integers(len(classes), size=n), classes, **fields)


@pytest.fixture(scope="session")
def fashion():
    """Small images under the class names of Fashion-MNIST, with every further split."""
    rng = np.random.default_rng(5)

    def split(n, **fields):
        images = rng.integers(256, size=(n, 12, 12, 1), dtype=np.uint8)
        return Dataset(images, rng.integers(10, size=n), FASHION, "image", **fields)

    return split(6000, test=split(50), validation=split(40), trusted=split(30))


@pytest.fixture(scope="session")
def vectors():
    """A maker of data sets; see `make`."""
    return make


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder that holds `transition.npy`: what the example of `matrix` names."""
    matrix = np.full((10, 10), 0.03)
    np.fill_diagonal(matrix, 0.73)
    np.save(tmp_path / "transition.npy", matrix)
    monkeypatch.chdir(tmp_path)
    return tmp_path
