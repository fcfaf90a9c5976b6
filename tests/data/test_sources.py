import functools
import http.server
import subprocess
import sys
import threading

import numpy as np
import pytest

from noisewise.data import load
from noisewise.data.catalogue import SOURCES
from noisewise.data.named.finder import Finder, Remote
from noisewise.errors import BadInput

pytestmark = pytest.mark.usefixtures("alone")


def test_digits():
    data = load("digits")
    assert (len(data), len(data.test), data.shape, data.capacity) == (1438, 359, (8, 8, 1), 1797)
    assert data.inputs.max() == 240
    assert (data.test.index % 5 == 4).all()
    assert not set(data.index) & set(data.test.index)
    assert np.bincount(data.test.given).min() > 20


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_is_documented(name):
    assert SOURCES[name].__doc__.splitlines()[0].endswith((".", ")"))


def test_a_dataset_is_returned_as_it_is(images):
    data = images()
    assert load(data) is data


@pytest.mark.parametrize(
    "source, said",
    [
        ("fashion-mnits", "no source and no file 'fashion-mnits' .did you mean 'fashion-mnist'"),
        ("nowhere/at/all.npz", "no source and no file 'nowhere/at/all.npz'; names: digits, mnist"),
    ],
)
def test_unknown(source, said):
    with pytest.raises(BadInput, match=said):
        load(source)


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "a.doc").write_text("text")
    with pytest.raises(BadInput, match="expected a folder of images per class"):
        load(tmp_path / "a.doc")


def test_labels_are_for_tables():
    with pytest.raises(BadInput, match="labels='x' is for tables"):
        load("digits", labels="x")


@pytest.fixture
def write(write_idx, monkeypatch):
    """A writer of idx files like those of MNIST, with 20 + 10 rows, which are also what the named source expects."""
    monkeypatch.setattr("noisewise.data.named.mnist.ROWS", (20, 10))

    def write(folder, ending=".gz", rows=(20, 10), size=28, seed=0):
        rng = np.random.default_rng(seed)
        pixels = [rng.integers(256, size=(n, size, size), dtype=np.uint8) for n in rows]
        for split, values in zip(("train", "t10k"), pixels, strict=True):
            write_idx(folder / f"{split}-images-idx3-ubyte{ending}", values)
            write_idx(folder / f"{split}-labels-idx1-ubyte{ending}", np.arange(len(values)) % 10)
        return pixels

    return write


@pytest.mark.parametrize("folder", ["fashion-mnist", "FashionMNIST/raw"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_in_a_search_folder(tmp_path, write, folder, ending):
    train, test = write(tmp_path / folder, ending)
    data = load("fashion-mnist", data_dir=tmp_path)
    np.testing.assert_array_equal(data.inputs[..., 0], train)
    np.testing.assert_array_equal(data.test.inputs[..., 0], test)
    assert data.classes[9] == data.test.classes[9] == "Ankle boot"
    assert data.name == "fashion-mnist"
    assert data.provenance == ({"step": "load", "source": "fashion-mnist", "format": "idx"},)


@pytest.mark.parametrize("changed", [{"rows": (19, 10)}, {"rows": (20, 11)}, {"size": 27}])
def test_counts_and_shapes_are_checked(tmp_path, write, changed):
    write(tmp_path / "mnist", **changed)
    with pytest.raises(BadInput, match="is not mnist: it has"):
        load("mnist", data_dir=tmp_path)


def test_the_order_of_the_search(tmp_path, write, monkeypatch):
    places = [tmp_path / name for name in ("given", "first", "second", "system", "cache/noisewise")]
    for seed, place in enumerate(places):
        write(place / "mnist", "", seed=seed)
    monkeypatch.setenv("NOISEWISE_DATA", f"{places[1]}:{places[2]}")
    monkeypatch.setattr("noisewise.data.named.finder.SYSTEM", (places[3],))
    for place in places:
        expected = load(place / "mnist")
        np.testing.assert_array_equal(load("mnist", data_dir=places[0]).inputs, expected.inputs)
        for file in (place / "mnist").iterdir():
            file.unlink()
    with pytest.raises(BadInput) as caught:
        load("mnist", data_dir=places[0], download=False)
    assert all(str(place) in str(caught.value) for place in places)
    assert "mnist.npz or mnist/train-images-idx3-ubyte.gz" in str(caught.value)
    assert "not allowed" in str(caught.value)


def test_data_dir_must_be_a_folder(tmp_path):
    with pytest.raises(BadInput, match=r"data_dir=.* is not a folder"):
        load("mnist", data_dir=tmp_path / "none")


def test_a_download_is_kept(tmp_path, monkeypatch):
    fetched = []

    def retrieve(url, known_hash, fname, path):
        fetched.append((url, known_hash))
        (path / fname).write_bytes(b"content")
        return str(path / fname)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    finder = Finder((tmp_path / "cache",))
    remote = Remote("https://example.org/served.bin", "9a0364b9e99bb480dd25e1f0284c8555", "some/served.bin")
    for _ in range(2):
        assert finder.need("thing", ("some/served.bin",), (remote,)) == tmp_path / "cache/some/served.bin"
    assert fetched == [(remote.url, f"md5:{remote.md5}")]


@pytest.fixture
def served(tmp_path):
    """The address of a server of this machine that serves the folder `served`."""
    (tmp_path / "served").mkdir()
    handler = functools.partial(Quiet, directory=tmp_path / "served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_a_download_is_checked(tmp_path, served):
    remote = Remote(f"{served}/file", "9a0364b9e99bb480dd25e1f0284c8555", "file")
    finder = Finder((tmp_path / "cache",))
    (tmp_path / "served" / "file").write_bytes(b"other content")
    with pytest.raises(
        BadInput, match=r"thing was not found: file is not in the folders .* downloading it failed .*hash"
    ):
        finder.need("thing", ("file",), (remote,))
    assert finder.find("file") is None
    (tmp_path / "served" / "file").write_bytes(b"content")
    assert finder.need("thing", ("file",), (remote,)).read_bytes() == b"content"


def test_reading_data_does_not_import_torch():
    code = "import sys, noisewise.data as d; d.load('digits'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
