"""Decoded images are kept: in memory, or in a temporary file that processes share and that outlives nobody."""

import gc
import os
import pickle
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from noisewise.compute import LocalEngine
from noisewise.data.images import decode, decoded
from noisewise.data.images.decoded import Decoded
from noisewise.data.images.files import ImageFiles, Pictures
from noisewise.data.readers.folders import read_folder
from noisewise.data.reading import Reading


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("noisewise.data.images.decoded.cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache" / "decoded"


@pytest.fixture
def folder(tmp_path, write_images):
    write_images(tmp_path / "images", {"cat": 4, "dog": 4}, size=(90, 80), mode="RGB")
    return tmp_path / "images"


@pytest.fixture
def reads(monkeypatch):
    """How often each file is decoded."""
    found, read = Counter(), decode.read_image

    def counting(file, *args, **how):
        found[os.path.basename(os.path.dirname(file)), os.path.basename(file)] += 1
        return read(file, *args, **how)

    monkeypatch.setattr("noisewise.data.images.files.read_image", counting)
    return found


@pytest.mark.parametrize("resident", [0, 1 << 30])
def test_epochs_decode_every_image_once(folder, reads, cache, resident):
    inputs = read_folder(folder, resident=resident).inputs
    first = inputs[np.arange(8)]
    np.testing.assert_array_equal(inputs[np.arange(8)[::-1]], first[::-1])
    assert len(reads) == 8
    assert set(reads.values()) == {1}
    assert len(list(cache.glob("*"))) == (resident == 0)


@pytest.mark.parametrize("resident", [0, 1 << 30])
def test_pictures_are_decoded_once_where_broken_ones_are_left_out(folder, reads, resident):
    (folder / "cat" / "001.png").write_bytes(b"no picture")
    (folder / "dog" / "003.png").write_bytes((folder / "dog" / "003.png").read_bytes()[:-2000])
    inputs = read_folder(folder, Reading(skip_broken=True), resident=resident).inputs
    found = inputs[np.arange(6)]
    assert set(reads.values()) == {1}
    for name in (("cat", "001.png"), ("dog", "003.png")):
        (folder / name[0] / name[1]).unlink()
    np.testing.assert_array_equal(found, read_folder(folder, resident=resident).inputs[np.arange(6)])


def test_broken_pictures_that_change_the_shape_are_decoded_again_at_the_right_one(tmp_path, write_images):
    write_images(tmp_path / "a", {"cat": 2}, size=(40, 20), mode="RGB")
    Image.new("L", (30, 20)).save(tmp_path / "a" / "cat" / "001.png")
    write_images(tmp_path / "a", {"dog": 2}, size=(30, 20), mode="L")
    broken = tmp_path / "a" / "cat" / "000.png"
    broken.write_bytes(broken.read_bytes()[:-900])
    found = read_folder(tmp_path / "a", Reading(skip_broken=True))
    broken.unlink()
    assert found.shape == read_folder(tmp_path / "a").shape == (20, 30, 1)
    assert found.inputs[np.arange(3)].shape == (3, 20, 30, 1)


def test_processes_share_the_file(folder, cache):
    pictures = Pictures(sorted(str(file) for file in folder.rglob("*.png")))
    inputs = ImageFiles(pictures, (32, 32, 3))
    (expected,) = (pixels for _, pixels in LocalEngine(1, threads=1).map(lambda at: inputs[np.arange(at)], [8]))
    for file in folder.rglob("*.png"):
        file.unlink()
    np.testing.assert_array_equal(inputs[np.arange(8)], expected)
    assert len(list(cache.glob("*"))) == 1


def test_the_file_ends_with_its_inputs_or_when_the_next_one_is_made(folder, cache):
    script = """
import os, sys
from pathlib import Path
from noisewise.data.images.decoded import Decoded
kept = Decoded(2, (1, 2, 3), Path(sys.argv[1]))
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script, cache], check=False)
    assert len(list(cache.glob("*"))) == 1
    own = Decoded(2, (1, 2, 3), cache)
    other = pickle.loads(pickle.dumps(own))
    assert [str(file) for file in cache.glob("*")] == [own.path]
    own.write(1, np.full((1, 2, 3), 7))
    assert other.read(1).tolist() == [[[7] * 3] * 2]
    assert other.read(0) is None
    state = pickle.dumps(own)
    del own, other
    gc.collect()
    assert list(cache.glob("*")) == []
    gone = pickle.loads(state)
    gone.write(0, np.zeros((1, 2, 3)))
    assert gone.read(0) is None


def test_without_room_on_the_disk_images_are_decoded_each_time(folder, reads, cache, monkeypatch):
    monkeypatch.setattr(decoded, "_SPARED", 1 << 60)
    inputs = read_folder(folder, resident=0).inputs
    np.testing.assert_array_equal(inputs[np.arange(8)], inputs[np.arange(8)])
    assert set(reads.values()) == {2}
    assert list(cache.glob("*")) == []
