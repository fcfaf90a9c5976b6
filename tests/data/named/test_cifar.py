import pickle
import tarfile

import numpy as np
import pytest
import torch

from noisewise.data import load
from noisewise.errors import BadInput

pytestmark = pytest.mark.usefixtures("alone", "fifty")
CLEAN = np.arange(50) % 10


@pytest.fixture
def fifty(monkeypatch):
    """CIFAR has 50 + 10 rows here."""
    monkeypatch.setattr("noisewise.data.named.cifar.ROWS", (50, 10))


class Harm:
    """What runs code when it is unpickled."""

    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('harm').touch()",)


def batch(seed, n, key, k):
    pixels = np.random.default_rng(seed).integers(256, size=(n, 3072), dtype=np.uint8)
    return {b"data": pixels, key: [int(i) for i in np.arange(n) % k]}


def write(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(pickle.dumps(content, protocol=4))
    return files


def write_cifar10(folder):
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    return write(folder / "cifar-10-batches-py", {name: batch(i, 10, b"labels", 10) for i, name in enumerate(names)})


@pytest.fixture
def packed(tmp_path, pack):
    """Packed JPEG images in a search folder."""
    rng = np.random.default_rng(0)
    parts = {s: pack(rng.integers(256, size=(n, 32, 32, 3), dtype=np.uint8)) for s, n in (("train", 50), ("test", 10))}
    arrays = {f"{s}_{key}": parts[s][key] for s in parts for key in ("bytes", "offsets")}
    path = tmp_path / "cifar10_jpeg.npz"
    np.savez(path, header=parts["train"]["header"], **arrays, y_train=CLEAN, y_test=CLEAN[:10])
    return path


def test_cifar10_as_a_folder_and_as_a_tarball(tmp_path):
    batches = write_cifar10(tmp_path / "folder")
    (tmp_path / "tar").mkdir()
    with tarfile.open(tmp_path / "tar" / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "folder" / "cifar-10-batches-py", "cifar-10-batches-py")
    unpacked, packed, again = (load("cifar10", data_dir=tmp_path / name) for name in ("folder", "tar", "tar"))
    pixel = batches["data_batch_3"][b"data"][4].reshape(3, 32, 32)[:, 7, 20]
    assert unpacked.inputs[24, 7, 20].tolist() == pixel.tolist()
    assert unpacked.classes[0] == "airplane"
    for data in (packed, again):
        np.testing.assert_array_equal(data.inputs, unpacked.inputs)
        np.testing.assert_array_equal(data.test.inputs, unpacked.test.inputs)
    assert len(list((tmp_path / "cache/noisewise/decoded").iterdir())) == 1


def test_cifar100(tmp_path, monkeypatch):
    monkeypatch.setattr("noisewise.data.named.cifar.ROWS", (200, 100))
    names = [f"thing {i}" for i in range(100)]
    write(
        tmp_path / "cifar-100-python",
        {
            "train": batch(0, 200, b"fine_labels", 100),
            "test": batch(1, 100, b"fine_labels", 100),
            "meta": {b"fine_label_names": [name.encode() for name in names]},
        },
    )
    data = load("cifar100", data_dir=tmp_path)
    assert data.classes == data.test.classes == tuple(names)
    assert data.given.tolist() == list(range(100)) * 2


def test_a_pickle_that_would_run_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_2").write_bytes(pickle.dumps({b"data": Harm()}))
    with pytest.raises(BadInput, match=r"data_batch_2 of .* is refused: it contains builtins.exec"):
        load("cifar10", data_dir=tmp_path)
    assert not (tmp_path / "harm").exists()


def test_broken_and_missing_pickles(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    write_cifar10(tmp_path)
    (folder / "test_batch").write_bytes(b"\x80\x04broken")
    with pytest.raises(BadInput, match="not a readable pickle"):
        load("cifar10", data_dir=tmp_path)
    (folder / "test_batch").unlink()
    with pytest.raises(BadInput, match="has no file 'test_batch'"):
        load("cifar10", data_dir=tmp_path)


def test_a_tarball_cut_short(tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"\x1f\x8b\x08 cut")
    with pytest.raises(BadInput, match="cannot read"):
        load("cifar10", data_dir=tmp_path)


def test_packed_images_are_decoded_once(tmp_path, packed, monkeypatch):
    first = load("cifar10", data_dir=tmp_path)
    assert "JPEG" in first.provenance[0]["format"]
    monkeypatch.setattr("noisewise.data.readers.packed.unpack", lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(load("cifar10", data_dir=tmp_path).inputs, first.inputs)
    packed.touch()
    with pytest.raises(pytest.fail.Exception, match="decoded again"):
        load("cifar10", data_dir=tmp_path)


def test_a_cache_that_cannot_be_written(tmp_path, packed):
    (tmp_path / "cache").write_text("in the way")
    assert len(load("cifar10", data_dir=tmp_path)) == 50


def test_human_labels(tmp_path, packed):
    aggre = np.where(np.arange(50) < 5, (CLEAN + 1) % 10, CLEAN)
    np.savez(tmp_path / "cifar10n.npz", clean=CLEAN, aggre=aggre)
    data = load("cifar10n-aggre", data_dir=tmp_path)
    assert data.noise_rate == 0.1
    np.testing.assert_array_equal(data.truth, CLEAN)
    np.testing.assert_array_equal(data.given, aggre)
    assert data.name == "cifar10n-aggre"
    assert data.test.truth is None
    assert data.provenance[-1] == {"step": "human labels", "source": "cifar10n-aggre", "changed": 0.1}
    with pytest.raises(BadInput, match=r"needs the labels 'worse', but .* has only clean, aggre"):
        load("cifar10n-worse", data_dir=tmp_path)
    np.savez(tmp_path / "cifar10n.npz", clean=aggre, aggre=aggre)
    with pytest.raises(BadInput, match="rows do not match"):
        load("cifar10n-aggre", data_dir=tmp_path)


def test_human_labels_as_published(tmp_path, packed):
    torch.save({"clean_label": CLEAN, "random_label2": CLEAN[::-1].copy()}, tmp_path / "CIFAR-10_human.pt")
    data = load("cifar10n-random2", data_dir=tmp_path)
    np.testing.assert_array_equal(data.given, CLEAN[::-1])
    (tmp_path / "CIFAR-10_human.pt").write_bytes(b"no such thing")
    with pytest.raises(BadInput, match="cannot read"):
        load("cifar10n-random2", data_dir=tmp_path)


def test_published_labels_that_would_run_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"clean_label": Harm()}, tmp_path / "CIFAR-10_human.pt")
    with pytest.raises(BadInput, match="cannot read"):
        load("cifar10n-worse", data_dir=tmp_path)
    assert not (tmp_path / "harm").exists()
