"""One image file becomes pixels of a wanted shape."""

import numpy as np
import pytest
from PIL import Image

from noisewise.data import load
from noisewise.data.readers import pictures
from noisewise.data.readers.folders import image_of
from noisewise.data.readers.pictures import fit_pixels, read_head, read_image

ORIENTATION = 0x0112


def ramp(height, width):
    """Red grows to the right, green downwards."""
    down, across = np.mgrid[:height, :width]
    return np.stack([across * 255 // (width - 1), down * 255 // (height - 1), 0 * down], axis=2).astype(np.uint8)


@pytest.fixture
def saved(tmp_path):
    def save(pixels, name="image.png", **how):
        Image.fromarray(pixels).save(tmp_path / name, **how)
        return str(tmp_path / name)

    return save


@pytest.mark.parametrize("name", ["image.png", "image.jpg"])
def test_the_aspect_is_kept_and_the_middle_cut_out(saved, name):
    found = read_image(saved(ramp(400, 800), name), (40, 40, 3))
    # the square in the middle spans the quarters of the width, and all of the height
    assert found[20, [0, -1], 0].tolist() == pytest.approx([66, 189], abs=4)
    assert found[[0, -1], 20, 1].tolist() == pytest.approx([3, 252], abs=4)
    inner = read_image(saved(ramp(400, 800), name), (40, 40, 3), share=0.5)
    assert inner[20, [0, -1], 0].tolist() == pytest.approx([97, 158], abs=4)
    assert inner[[0, -1], 20, 1].tolist() == pytest.approx([65, 190], abs=4)


def test_large_jpegs_are_decoded_at_a_fraction_of_their_size(saved, monkeypatch):
    decoded, fitted = [], pictures._fitted
    monkeypatch.setattr(pictures, "_fitted", lambda image, *rest: decoded.append(image.size) or fitted(image, *rest))
    read_image(saved(ramp(400, 800), "image.jpg"), (40, 40, 3))
    read_image(saved(ramp(400, 800), "image.jpg"), (300, 300, 3))
    assert decoded == [(100, 50), (800, 400)]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(saved, orientation):
    # how a camera held that way stores the upright picture
    stored = {
        1: lambda x: x,
        2: np.fliplr,
        3: lambda x: np.rot90(x, 2),
        4: np.flipud,
        5: lambda x: x.swapaxes(0, 1),
        6: np.rot90,
        7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
        8: lambda x: np.rot90(x, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = saved(np.ascontiguousarray(stored(ramp(40, 80))), "image.jpg", exif=exif, quality=95)
    assert read_head(file).size == (40, 80)
    found = read_image(file, (40, 80, 3))
    np.testing.assert_allclose(found[4:-4, 4:-4].astype(int), ramp(40, 80)[4:-4, 4:-4], atol=12)


def test_people_see_the_whole_image(tmp_path, write_images):
    write_images(tmp_path, {"a": 1, "b": 1}, size=(300, 100), mode="RGB")
    data = load(tmp_path)
    assert data.shape == (64, 192, 3)
    whole = image_of(data.take([1]).inputs, 0, 120)
    assert whole.size == (120, 40)
    with Image.open(tmp_path / "b" / "000.png") as image:
        expected = image.resize((120, 40), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(whole).astype(int) - np.asarray(expected)).mean() < 4
    assert image_of(np.zeros((2, 9, 8, 1), np.uint8), 1, 4).size == (8, 9)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_becomes_grey_or_colour(tmp_path, mode):
    file = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.fromarray(ramp(10, 20)).convert(mode).save(file)
    assert read_image(file, (5, 5, 3)).shape == (5, 5, 3)
    assert read_image(file, (5, 5, 1)).shape == (5, 5, 1)
    assert read_head(str(file)).grey == (mode in ("1", "L", "LA"))


def test_arrays_are_cut_like_files(saved):
    pixels = ramp(90, 120)
    found = fit_pixels(pixels, (32, 32, 3), share=0.875, resample=Image.Resampling.BICUBIC)
    from_file = read_image(saved(pixels), (32, 32, 3), share=0.875, resample=Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(found, from_file)
    grey = fit_pixels(pixels[..., :1], (32, 32, 3), resample=Image.Resampling.BICUBIC)
    assert (grey == grey[..., :1]).all()


def test_a_huge_image_needs_no_second_copy(tmp_path):
    """Only in a process of its own is the largest amount of memory that of one image."""
    import subprocess
    import sys

    file = tmp_path / "huge.png"
    Image.new("RGB", (6000, 6000), (10, 20, 30)).save(file, compress_level=1)
    code = (
        "import resource, sys\n"
        "from noisewise.data.readers.pictures import read_image\n"
        "read_image(sys.argv[1], (8, 8, 3))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert (read_image(sys.argv[2], (64, 64, 3)) == [10, 20, 30]).all()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    small = tmp_path / "small.png"
    Image.new("RGB", (9, 9)).save(small)
    more = subprocess.run([sys.executable, "-c", code, small, file], capture_output=True, text=True, check=True)
    assert int(more.stdout) / 2**10 < 1.4 * 6000 * 6000 * 4 / 2**20  # Pillow has four bytes per pixel


@pytest.mark.parametrize("side", [side for side in range(225, 1200) if side / 224 * 224 > side])
def test_a_region_rounded_up_stays_inside_the_image(side):
    for shape in ((side + 20, side, 3), (side, side + 20, 3), (side, side, 3)):
        found = fit_pixels(np.full(shape, 7, np.uint8), (224, 224, 3), resample=Image.Resampling.BILINEAR)
        assert found.shape == (224, 224, 3)
        assert (found == 7).all()
