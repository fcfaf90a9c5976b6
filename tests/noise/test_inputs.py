"""Corruptions of inputs: each alone, and compared with published numbers."""

import dataclasses
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from noisewise.cli import main
from noisewise.data import load, save
from noisewise.data.dataset import Dataset, Selection
from noisewise.errors import BadInput
from noisewise.noise import corrupt
from noisewise.noise.inputs.blur import blur_images
from noisewise.noise.inputs.rewriting import blocks, moments


def pictures(n=5, height=6, width=5, channels=3, seed=0, **fields):
    rng = np.random.default_rng(seed)
    images = rng.integers(256, size=(n, height, width, channels), dtype=np.uint8)
    return Dataset(images, np.arange(n) % 2, ("a", "b"), "image", **fields)


SIZES = st.builds(
    pictures, st.integers(1, 6), st.integers(2, 7), st.integers(2, 7), st.sampled_from([1, 3]), st.integers(0, 99)
)


def pixels(images):
    return [sorted(map(tuple, image.reshape(-1, image.shape[-1]).tolist())) for image in images]


@given(data=SIZES, seed=st.integers(0, 2**40))
@settings(max_examples=30, deadline=None)
def test_shuffles_keep_the_pixels_of_every_image_whole(data, seed):
    for spec in ("random-pixels", "shuffled-pixels", "vflip"):
        assert pixels(corrupt(data, spec, seed).inputs) == pixels(data.inputs)


def test_random_pixels_have_an_order_per_image_and_shuffled_pixels_one_for_all():
    image = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    part = Dataset(image.repeat(3, 0), np.array([0, 1, 1]), ("a", "b"), "image")
    data = dataclasses.replace(part, test=part, trusted=part.take([1]))
    alone, shared = corrupt(data, "random-pixels"), corrupt(data, "shuffled-pixels")
    assert len({row.tobytes() for row in alone.inputs}) == 3
    assert alone.test is part
    order = shared.inputs[0]
    assert not np.array_equal(order, image[0])
    assert all(np.array_equal(row, order) for s in (shared, shared.test, shared.trusted) for row in s.inputs)
    assert shared.test.provenance == shared.trusted.provenance == shared.provenance
    assert shared.provenance[0]["spec"] == "shuffled-pixels"
    assert shared.validation is None


def test_every_place_is_as_likely_for_random_pixels():
    line = np.arange(4, dtype=np.float32)
    data = Dataset(np.tile(line, (4000, 1)), np.arange(4000) % 2, ("a", "b"))
    found = corrupt(data, "random-pixels").inputs
    counts = np.array([(found == value).sum(axis=0) for value in line])
    assert counts.sum() == 16000
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(4000 * 0.25 * 0.75)


@pytest.mark.parametrize("kind", ["vector", "table"])
@pytest.mark.parametrize("spec", ["random-pixels", "shuffled-pixels"])
def test_vectors_and_tables_are_shuffled_by_their_numbers(kind, spec):
    rows = np.random.default_rng(0).standard_normal((20, 7)).astype(np.float32)
    found = corrupt(Dataset(rows, np.arange(20) % 2, ("a", "b"), kind), spec).inputs
    np.testing.assert_array_equal(np.sort(found, axis=1), np.sort(rows, axis=1))
    assert found.dtype == np.float32
    assert (found != rows).any()


def test_moments_are_those_of_every_channel():
    data = pictures(40, seed=3)
    mean, std = moments(data.inputs)
    np.testing.assert_allclose(mean, data.inputs.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, data.inputs.std(axis=(0, 1, 2)), rtol=1e-12)


def test_gaussian_inputs_have_the_moments_of_their_channel_and_nothing_else():
    rng = np.random.default_rng(0)
    middle = np.array([90, 128, 160])
    images = np.clip(rng.normal(middle, (10, 20, 30), (400, 8, 8, 3)), 0, 255).astype(np.uint8)
    images[:, :, :4] //= 2
    data = Dataset(images, np.arange(400) % 2, ("a", "b"), "image")
    found = corrupt(data, "gaussian").inputs.astype(float)
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), images.mean(axis=(0, 1, 2)), atol=2)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), images.std(axis=(0, 1, 2)), rtol=0.03)
    assert abs(found[:, :, :4].mean() - found[:, :, 4:].mean()) < 2
    assert abs(np.corrcoef(found.reshape(400, -1)[:, 0], images.reshape(400, -1)[:, 0])[0, 1]) < 0.2


def test_gaussian_vectors_have_the_moments_of_their_columns_and_constants_stay():
    rows = np.random.default_rng(1).normal((0, 5, -3), (1, 2, 0), (20_000, 3)).astype(np.float32)
    found = corrupt(Dataset(rows, np.arange(20_000) % 2, ("a", "b")), "gaussian").inputs
    np.testing.assert_allclose(found.mean(axis=0), rows.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(found.std(axis=0), (1, 2, 0), atol=0.04)
    np.testing.assert_array_equal(found[:, 2], -3)


def test_noise_is_uniform_bytes():
    found = corrupt(pictures(200, 16, 16), "noise").inputs
    counts = np.bincount(found.ravel(), minlength=256)
    expected = found.size / 256
    assert np.square(counts - expected).sum() / expected < 255 + 6 * np.sqrt(2 * 255)
    assert abs(np.corrcoef(found[:, 0, 0, 0], found[:, 0, 0, 1])[0, 1]) < 0.25


def test_vflip_turns_images_upside_down():
    data = pictures()
    found = corrupt(data, "vflip")
    np.testing.assert_array_equal(found.inputs, np.flip(data.inputs, axis=1))
    np.testing.assert_array_equal(corrupt(found, "vflip").inputs, data.inputs)


@pytest.mark.parametrize("height, width, size", [(32, 32, 8), (28, 28, 7), (30, 21, 8)])
def test_blur_is_what_an_image_library_does(height, width, size):
    image = pictures(1, height, width).inputs[0]
    down = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    expected = np.asarray(down.resize((width, height), Image.Resampling.BILINEAR)).astype(int)
    data = Dataset(image[None].repeat(2, 0), np.array([0, 1]), ("a", "b"), "image")
    found = corrupt(data, f"blur:{size}").inputs[1].astype(int)
    assert np.abs(found - expected).max() <= 1


def test_blur_by_hand():
    row = np.array([0, 40, 80, 120], np.float32)
    block = np.tile(row, (4, 1))[None, :, :, None]
    plain = blur_images(block, 2, antialias=False)[0, 0, :, 0]
    np.testing.assert_allclose(plain, (20, 40, 80, 100), rtol=1e-6)
    # Triangles of radius 2 around 1 and 3: weights 3, 3, 1 (and none) over 7, with pixel centres at .5, 1.5, 2.5, 3.5.
    low = (0 * 3 + 40 * 3 + 80 * 1) / 7
    high = (40 * 1 + 80 * 3 + 120 * 3) / 7
    soft = blur_images(block, 2)[0, 0, :, 0]
    np.testing.assert_allclose(soft, (low, 0.75 * low + 0.25 * high, 0.25 * low + 0.75 * high, high), rtol=1e-5)


def test_blur_keeps_flat_images_and_leaves_at_most_the_numbers_in_between():
    flat = np.full((3, 9, 9, 1), 77, np.uint8)
    data = Dataset(flat, np.array([0, 1, 0]), ("a", "b"), "image")
    np.testing.assert_array_equal(corrupt(data, "blur:3").inputs, flat)
    images = np.random.default_rng(0).random((60, 8, 8, 1), np.float32)
    assert np.linalg.matrix_rank(images.reshape(60, -1)) == 60
    found = blur_images(images, 3).reshape(60, -1).astype(np.float64)
    assert np.linalg.matrix_rank(found, tol=1e-4) == 9


class Lazy:
    """Inputs that are read when asked for."""

    def __init__(self, base):
        self.base, self.shape, self.dtype = base, base.shape, base.dtype

    def __len__(self):
        return len(self.base)

    def __getitem__(self, positions):
        return self.base[positions]


@pytest.mark.parametrize(
    "spec", ["gaussian", "random-pixels", "shuffled-pixels", "blur:3", "vflip", "noise", "openset:0.5"]
)
def test_lazy_inputs_give_the_same(spec):
    data = pictures(9)
    lazy = dataclasses.replace(data, inputs=Selection(Lazy(data.inputs[::-1]), np.arange(8, -1, -1)))
    np.testing.assert_array_equal(corrupt(lazy, spec).inputs, corrupt(data, spec).inputs)


def test_blocks_hold_every_row_once_in_order(monkeypatch):
    monkeypatch.setattr("noisewise.noise.inputs.rewriting.BLOCK_NUMBERS", 200)
    data = pictures(9)
    found = list(blocks(data.inputs))
    assert [len(rows) for rows, _ in found] == [2, 2, 2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([block for _, block in found]), data.inputs)
    blurs = corrupt(data, "blur:3").inputs
    monkeypatch.setattr("noisewise.noise.inputs.rewriting.BLOCK_NUMBERS", 10**6)
    np.testing.assert_array_equal(blurs, corrupt(data, "blur:3").inputs)


@pytest.mark.parametrize("spec", ["blur:2", "vflip", "noise", "openset:0.5,source=noise"])
def test_what_needs_images_refuses_vectors(spec, vectors):
    with pytest.raises(BadInput, match="changes images, but 'data' holds inputs of kind 'vector'"):
        corrupt(vectors(n=30), spec)


@pytest.mark.parametrize(
    "spec", ["gaussian", "random-pixels", "shuffled-pixels", "blur:2", "vflip", "noise", "openset:0.5"]
)
def test_texts_are_refused(spec, tmp_path):
    file = tmp_path / "texts.txt"
    words = ["some longer text about", "another and different line of", "words that nobody wrote"]
    file.write_text("".join(f"__label__{'ab'[i % 2]} {words[i % 3]} number {i}\n" for i in range(60)))
    data = load(file)
    assert data.kind == "text"
    with pytest.raises(BadInput, match=r"changes images.*'texts.txt' holds (texts|inputs of kind 'text')"):
        corrupt(data, spec)


@pytest.mark.parametrize(
    "spec, reason",
    [
        ("blur:0", "blur: size=0 must be a whole number of at least 1"),
        ("blur:2.5", "blur: size=2.5 must be a whole number of at least 1"),
        ("blur:true", "blur: size=True must be a whole number of at least 1"),
        ("blur:5", "blur:5 must be smaller than both sides of the images, which are 6x5"),
        ("blur:2,antialias=1", "blur: antialias=1 must be true or false"),
        ("blur", "blur needs 'size'"),
        ("vflip:2", "takes no arguments"),
    ],
)
def test_options_that_cannot_be(spec, reason):
    with pytest.raises(BadInput, match=reason):
        corrupt(pictures(), spec)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gaussian_needs_finite_inputs(bad):
    rows = np.zeros((4, 2), np.float32)
    rows[1, 1] = bad
    with pytest.raises(BadInput, match="'gaussian' needs finite inputs"):
        corrupt(Dataset(rows, np.array([0, 1, 0, 1]), ("a", "b")), "gaussian")


def test_splits_of_another_shape_cannot_share_an_order():
    data = pictures(test=pictures(height=7))
    with pytest.raises(BadInput, match=r"one shape, but 'data' has \(6, 5, 3\) in training and \(7, 5, 3\) in test"):
        corrupt(data, "shuffled-pixels")


def test_the_columns_of_a_table_are_no_longer_shown(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a,b,label\n" + "".join(f"{i % 7},{i % 5},{'xy'[i % 2]}\n" for i in range(20)))
    data = load(file)
    noisy = corrupt(data, "random-pixels")
    assert data.described is not None
    assert noisy.described is None
    back = load(save(noisy, tmp_path / "noisy.npz"))
    np.testing.assert_array_equal(back.inputs, noisy.inputs)
    with pytest.raises(BadInput, match=r"must be .npz"):
        save(noisy, tmp_path / "noisy.parquet")


def test_inputs_labels_and_balance_compose():
    data = pictures(60)
    noisy = corrupt(data, "longtail:3+vflip+symmetric:0.5", seed=2)
    assert [record["spec"] for record in noisy.provenance] == ["longtail:3", "vflip", "symmetric:0.5"]
    np.testing.assert_array_equal(noisy.inputs, data.inputs[noisy.index][:, ::-1])
    np.testing.assert_array_equal(noisy.truth, data.given[noisy.index])
    assert np.bincount(noisy.truth).tolist() == [30, 10]


def test_inputs_alone_say_nothing_about_the_truth():
    assert corrupt(pictures(), "vflip").truth is None


@pytest.mark.skipif("NOISEWISE_DATA" not in os.environ, reason="NOISEWISE_DATA names no folder of data sets")
def test_the_sizes_of_a_published_long_tail_on_the_real_data():
    data = corrupt(load("cifar10"), "longtail:100")
    assert np.bincount(data.given).tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


def test_the_command_line_does_not_claim_a_rate_nobody_knows(tmp_path, capsys):
    for form, said in (([], "unknown"), (["--json"], '"noise_rate": null')):
        with pytest.raises(SystemExit) as ended:
            main(["corrupt", "digits", "vflip", "--out", str(tmp_path / "flipped.npz"), *form])
        assert ended.value.code == 0
        assert said in capsys.readouterr().out
