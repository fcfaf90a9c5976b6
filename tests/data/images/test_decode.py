"""One image file becomes pixels of a wanted shape."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisewise.data import load
from noisewise.data.images import decode as pictures
from noisewise.data.images.decode import fit_pixels, read_head, read_image, read_level, read_whole
from noisewise.data.images.files import image_of
from noisewise.errors import BadInput

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


def oriented(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


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


@pytest.mark.parametrize("name", ["image.jpg", "image.png", "image.webp", "image.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(saved, orientation, name):
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
    file = saved(np.ascontiguousarray(stored(ramp(40, 80))), name, exif=oriented(orientation), quality=95)
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
        "from noisewise.data.images.decode import read_image\n"
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


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
@pytest.mark.parametrize("edge", [8, 16])
def test_what_is_transparent_becomes_white(tmp_path, mode, edge):
    """Programs store any colour, mostly black, where nothing is seen."""
    image = Image.new("LA" if mode == "LA" else "RGBA", (16, 16), (0, 0) if mode == "LA" else (0, 0, 0, 0))
    image.paste((100, 255) if mode == "LA" else (100, 100, 100, 255), (0, 0, 8, 16))
    file = tmp_path / ("image.tif" if mode == "PA" else "image.png")
    (image if mode == "LA" else image.convert(mode) if mode != "P" else image.quantize()).save(file)
    found = read_image(file, (edge, edge, 3))
    assert (found[:, 0] == 100).all()
    assert (found[:, -1] == 255).all()
    assert np.asarray(read_whole(str(file), 8).convert("RGB"))[:, -1].min() == 255
    assert read_image(file, (edge, edge, 1))[:, -1].min() == 255


def test_a_transparent_colour_becomes_white(saved):
    file = saved(
        np.where(np.arange(16)[:, None, None] < 8, 0, 90).astype(np.uint8).repeat(16, 1).repeat(3, 2),
        transparency=(0, 0, 0),
    )
    found = read_image(file, (16, 16, 3))
    assert (found[0] == 255).all()
    assert (found[-1] == 90).all()


def test_a_border_of_half_transparency_is_mixed_with_white(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 51)).save(tmp_path / "image.png")
    assert (read_image(tmp_path / "image.png", (4, 4, 3)) == 204).all()


def test_palettes_and_inks_become_their_colours(tmp_path):
    Image.new("RGB", (4, 4), (200, 30, 60)).quantize().save(tmp_path / "palette.gif")
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "ink.jpg", quality=100)
    assert (read_image(tmp_path / "palette.gif", (4, 4, 3)) == (200, 30, 60)).all()
    red = read_image(tmp_path / "ink.jpg", (4, 4, 3))
    assert red[..., 0].min() > 250
    assert red[..., 1:].max() < 5


@pytest.mark.parametrize("name", ["image.png", "image.tif", "image.pgm"])
def test_16_bits_become_8(saved, name):
    file = saved(np.array([[0, 257, 65535, 32768]], dtype=np.uint16), name)
    assert read_head(file).deep
    assert read_level(file) == 65535
    assert read_image(file, (1, 4, 1)).ravel().tolist() == [0, 1, 255, 128]
    assert read_image(file, (1, 4, 3))[0, :, 2].tolist() == [0, 1, 255, 128]
    assert np.asarray(read_whole(file, 4)).ravel().tolist() == [0, 1, 255, 128]
    with pytest.raises(BadInput, match=r"pixels are in 0..65535, not in 0..4095"):
        read_image(file, (1, 4, 1), white=4095)


def test_fractions_need_a_range(saved):
    file = saved(np.array([[0.0, 0.2, 1.0, 0.6]], dtype=np.float32), "image.tif")
    assert read_image(file, (1, 4, 1), white=1.0).ravel().tolist() == [0, 51, 255, 153]
    with pytest.raises(BadInput, match="fractions whose range is not known"):
        read_image(file, (1, 4, 1))
    holes = saved(np.full((2, 2), np.nan, dtype=np.float32), "holes.tif")
    with pytest.raises(BadInput, match=r"pixels are in nan..nan"):
        read_image(holes, (1, 4, 1), white=1.0)


def test_other_formats_are_not_even_tried(tmp_path):
    """Pillow gives PostScript to Ghostscript, whatever the file is called."""
    (tmp_path / "image.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n")
    with pytest.raises(BadInput, match="is none of PNG, JPEG, GIF"):
        read_image(tmp_path / "image.png", (4, 4, 3))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "image.png")
    with pytest.raises(BadInput, match="it is not a file"):
        read_image(tmp_path / "image.png", (4, 4, 3))


@pytest.mark.parametrize(
    "name", ["image.png", "image.jpg", "image.gif", "image.bmp", "image.tif", "image.webp", "image.ppm"]
)
def test_a_damaged_picture_is_one_sentence(saved, name):
    content = Path(saved(ramp(30, 40), name)).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content[: rng.integers(1, len(content) + 1)])
        for at in rng.integers(0, len(damaged), 4):
            damaged[at] = rng.integers(256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = read_image(bytes(damaged), (8, 8, 3)).shape
            except BadInput as error:
                found = str(error).split(":")[0]
        assert found in ((8, 8, 3), "cannot read the image in memory")
