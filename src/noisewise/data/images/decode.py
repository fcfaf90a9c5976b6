"""One picture as pixels of a wanted size: its aspect is kept, its middle is cut out, and little memory is used.

Pictures are decoded by the formats in `FORMATS` alone, whatever they are called: Pillow would also hand a file that
says it is PostScript to another program.
"""

from __future__ import annotations

import io
import math
import os
import stat
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from noisewise.errors import BadInput

Value = TypeVar("Value")
Source = str | Path | bytes | IO[bytes]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
GREY = ("1", "L", "LA", "La")
LEVELS = (255, 1023, 4095, 16383, 65535)  # the largest value of pixels with 8, 10, 12, 14 and 16 bits
_DEEP = ("I", "F")
_BROKEN = (
    *(OSError, SyntaxError, ValueError, ArithmeticError, LookupError, EOFError, TypeError, MemoryError),
    *(struct.error, Image.DecompressionBombError),
)
_ORIENTATION = 0x0112  # the EXIF tag
_CAMERAS = ("JPEG", "MPO", "WEBP")  # of these the tag is known before the pixels; Pillow turns TIFF by itself
_IN_PNG = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = 5  # orientations from here on exchange height and width
_LARGE = 1 << 24  # pixels of an image beside which no other large one is decoded
_ONE_LARGE = threading.Lock()
_GAP = 3.0  # how much larger than the result an image is averaged to before it is resized


class Head(NamedTuple):
    """What a file says about its image before the pixels are read.

    Attributes:
        size: (H, W), upright.
        grey: whether it has no colours.
        deep: whether it has one channel of more than 8 bits.
        frames: whether it has more than one frame, as animations and documents have.
        transparent: whether it may be transparent in places.
    """

    size: tuple[int, int]
    grey: bool
    deep: bool
    frames: bool
    transparent: bool


def read_head(file: Source, name: str | None = None) -> Head:
    """The size and the kind of a picture.

    Raises:
        BadInput: the file is not a picture.
    """

    def head(image: Image.Image) -> Head:
        size = (image.width, image.height) if _orientation(image) >= _ON_ITS_SIDE else (image.height, image.width)
        deep, transparent = image.mode.startswith(_DEEP), _transparent(image)
        frames = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        return Head(size, deep or image.mode in GREY, deep, frames, transparent)

    return _opened(file, name, head)


def read_level(file: Source, name: str | None = None) -> float:
    """The largest value of the pixels of a picture; 0 if it has 8 bits per channel.

    Raises:
        BadInput: as for `read_image`.
    """

    def level(image: Image.Image) -> float:
        return float(np.nanmax(np.asarray(image))) if image.mode.startswith(_DEEP) else 0.0

    return _opened(file, name, level)


def read_image(
    file: Source,
    shape: tuple[int, int, int],
    *,
    share: float = 1.0,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
    name: str | None = None,
    white: float | None = None,
) -> np.ndarray:
    """Read one picture, upright, as (H, W, C) uint8, grey or in colour; what is transparent becomes white.

    A picture of another size is resized with its aspect kept until it covers the shape, and its middle is cut out. JPEG
    files much larger than the shape are decoded at a half, a quarter or an eighth of their size. Of several frames the
    first is read.

    Args:
        file: a path, the content of a file, or an open file.
        shape: (H, W, C); C is 1 (grey) or 3 (colour).
        share: of the largest region of that aspect, how much of its height and width is cut out.
        resample: the filter.
        name: of the picture in messages; by default that of the file.
        white: the value that becomes 255 in pictures of more than 8 bits per channel; None is 65,535.

    Raises:
        BadInput: the file is not a picture of a format in `FORMATS`, is damaged or truncated, or its pixels are not in
            0..`white`.
    """

    def read(image: Image.Image) -> np.ndarray:
        turned = _UPRIGHT.get(_orientation(image))
        height, width, channels = shape
        size = (height, width) if _orientation(image) >= _ON_ITS_SIDE else (width, height)
        _draft(image, size, share)
        if image.width * image.height < _LARGE:
            pixels = _fitted(_even(image, white), size, channels, share, resample)
        else:
            with _ONE_LARGE:
                pixels = _fitted(_even(image, white), size, channels, share, resample)
        return np.asarray(pixels if turned is None else pixels.transpose(turned)).reshape(shape)

    return _opened(file, name, read)


def read_whole(file: Source, edge: int, *, name: str | None = None, white: float | None = None) -> Image.Image:
    """The whole picture as people see it: upright, grey or in colour, with its longest edge at most `edge` pixels.

    Args:
        file: as for `read_image`.
        edge: longest edge in pixels.
        name: as for `read_image`.
        white: as for `read_image`.

    Raises:
        BadInput: as for `read_image`.
    """

    def read(image: Image.Image) -> Image.Image:
        turned = _UPRIGHT.get(_orientation(image))
        image.draft(None, (edge, edge))
        mode = "L" if image.mode in GREY or image.mode.startswith(_DEEP) else "RGB"
        pixels = _even(image, white)
        if pixels.mode not in (mode, "RGBA"):
            pixels = pixels.convert(mode)
        scale = min(1.0, edge / max(pixels.size))
        size = max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale))
        pixels = _opaque(pixels.resize(size, Image.Resampling.LANCZOS, reducing_gap=_GAP), mode)
        return pixels if turned is None else pixels.transpose(turned)

    return _opened(file, name, read)


def fit_pixels(
    pixels: np.ndarray, shape: tuple[int, int, int], *, share: float = 1.0, resample: Image.Resampling
) -> np.ndarray:
    """The same for an image that is an array.

    Args:
        pixels: (H', W', C') uint8; of two channels the first counts, of four the first three.
        shape: as for `read_image`.
        share: as for `read_image`.
        resample: the filter.
    """
    height, width, channels = shape
    colour = pixels.shape[-1] >= 3
    image = Image.fromarray(np.ascontiguousarray(pixels[..., :3] if colour else pixels[..., 0]))
    return np.asarray(_fitted(image, (width, height), channels, share, resample)).reshape(shape)


def _opened(file: Source, name: str | None, use: Callable[[Image.Image], Value]) -> Value:
    """Use an opened picture: the one door for everything that can be wrong with it."""
    said = name or ("in memory" if isinstance(file, bytes) else str(file))
    try:
        if isinstance(file, (str, Path)) and not stat.S_ISREG(os.stat(file).st_mode):  # a pipe would wait for ever
            raise BadInput(f"cannot read the image {said}: it is not a file")
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS) as image:
            return use(image)
    except BadInput:
        raise
    except Image.UnidentifiedImageError as error:
        raise BadInput(f"cannot read the image {said}: it is none of {', '.join(FORMATS)}") from error
    except _BROKEN as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error or type(error).__name__
        raise BadInput(f"cannot read the image {said}: {why}") from error


def _orientation(image: Image.Image) -> int:
    if image.format not in _CAMERAS and not (image.format == "PNG" and _IN_PNG & image.info.keys()):
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged entry says nothing, and the picture may be whole
        return 1


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def _even(image: Image.Image, white: float | None) -> Image.Image:
    """The decoded picture with 8 bits per channel: "RGBA" if it may be transparent, else in its own mode."""
    image.load()
    if image.mode.startswith(_DEEP):
        return _of_8_bits(np.asarray(image, dtype=np.float32), image.mode, white)
    return image.convert("RGBA") if _transparent(image) else image


def _of_8_bits(pixels: np.ndarray, mode: str, white: float | None) -> Image.Image:
    if white is None and mode == "F":
        raise ValueError("its pixels are fractions whose range is not known")
    level = float(white or LEVELS[-1])
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= level):  # also of pixels that are not numbers
        raise ValueError(f"its pixels are in {low:g}..{high:g}, not in 0..{level:g}")
    return Image.fromarray(np.rint(pixels * (255 / level)).astype(np.uint8))


def _opaque(image: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode, on white where it is transparent."""
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def _region(image: Image.Image, size: tuple[int, int], share: float) -> tuple[float, float]:
    """Width and height of the region that is cut out."""
    scale = share * min(image.width / size[0], image.height / size[1])
    # rounding must not make it larger than the image
    return min(size[0] * scale, image.width), min(size[1] * scale, image.height)


def _draft(image: Image.Image, size: tuple[int, int], share: float) -> None:
    """Let a JPEG file be decoded at a fraction of its size at which its region still covers `size`."""
    scale = _region(image, size, share)[0] / size[0]
    if scale >= 2:
        image.draft(None, (math.ceil(image.width / scale), math.ceil(image.height / scale)))


def _fitted(
    image: Image.Image, size: tuple[int, int], channels: int, share: float, resample: Image.Resampling
) -> Image.Image:
    mode = "RGB" if channels == 3 else "L"
    # `convert` copies even if nothing changes, and a copy of a large image is what memory does not have room for
    pixels = image if image.mode in (mode, "RGBA") else image.convert(mode)
    if pixels.size != size or share != 1:
        width, height = _region(pixels, size, share)
        left, top = (pixels.width - width) / 2, (pixels.height - height) / 2
        box = (left, top, pixels.width - left, pixels.height - top)
        pixels = pixels.resize(size, resample, box, reducing_gap=_GAP)
    return _opaque(pixels, mode)
