import gzip
import io
import struct

import numpy as np
import pytest
from PIL import Image

from noisewise.data.dataset import Dataset

CODES = {"u1": 0x08, "i4": 0x0C, "f4": 0x0D}


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """No data of this machine is seen and nothing is written into its cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("noisewise.data.named.finder.SYSTEM", ())
    monkeypatch.delenv("NOISEWISE_DATA", raising=False)


@pytest.fixture(scope="session")
def images():
    """A maker of random images whose row i is of class i mod k."""

    def make(n=40, k=4, size=6, channels=1, seed=0, **fields):
        pixels = np.random.default_rng(seed).integers(256, size=(n, size, size, channels), dtype=np.uint8)
        return Dataset(pixels, np.arange(n) % k, tuple(f"class {i}" for i in range(k)), "image", **fields)

    return make


@pytest.fixture(scope="session")
def vectors():
    """A maker of Gaussian vectors whose row i is of class i mod k."""

    def make(n=40, k=4, d=3, seed=0, **fields):
        inputs = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
        return Dataset(inputs, np.arange(n) % k, tuple(f"class {i}" for i in range(k)), **fields)

    return make


@pytest.fixture(params=["images", "vectors"])
def make(request):
    """Either maker."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def write_idx():
    """A writer of an array as an idx file, gzipped if its name says so."""

    def write(path, array, kind="u1"):
        content = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[kind], array.ndim, *array.shape)
        content += array.astype(np.dtype(kind).newbyteorder(">")).tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)

    return write


@pytest.fixture(scope="session")
def write_images():
    """A writer of random images of (width, height) `size` as root/class/number; returns them by relative name."""

    def write(root, per_class, size=(5, 4), mode="L", seed=0, suffix=".png"):
        rng, written = np.random.default_rng(seed), {}
        root.mkdir(parents=True, exist_ok=True)
        for name, count in per_class.items():
            (root / name).mkdir(exist_ok=True)
            for i in range(count):
                shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
                pixels = rng.integers(256, size=shape, dtype=np.uint8)
                Image.fromarray(pixels).save(root / name / f"{i:03}{suffix}")
                written[f"{name}/{i:03}{suffix}"] = pixels
        return written

    return write


@pytest.fixture(scope="session")
def jpeg():
    """The content of a JPEG file of some pixels."""

    def encode(pixels):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=75)
        return buffer.getvalue()

    return encode


@pytest.fixture(scope="session")
def pack(jpeg):
    """Images in the packed layout: `header`, and the `bytes` and `offsets` of the scans."""

    def encode(pixels):
        contents = [jpeg(image) for image in pixels]
        start = contents[0].index(b"\xff\xda")
        scans = [content[start:-2] for content in contents]
        return {
            "header": np.frombuffer(contents[0][:start], np.uint8),
            "bytes": np.frombuffer(b"".join(scans), np.uint8),
            "offsets": np.cumsum([0, *map(len, scans)]).astype(np.uint32),
        }

    return encode
