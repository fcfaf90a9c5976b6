"""One image file as pixels of a wanted size: its aspect is kept, its middle is cut out, and little memory is used."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from noisewise.errors import BadInput

Value = TypeVar("Value")

GREY = ("1", "L", "LA")
_DEEP = ("I", "F")
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_ORIENTATION = 0x0112  # the EXIF tag
_CAMERAS = ("JPEG", "MPO", "TIFF", "WEBP")  # formats of which the tag is known before the pixels are read
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
    """

    size: tuple[int, int]
    grey: bool


def read_head(file: str) -> Head:
    """The size and the kind of an image.

    Raises:
        BadInput: the file is not an image, or has more than 8 bits per channel.
    """

    def head(image: Image.Image) -> Head:
        size = (image.width, image.height) if _orientation(image) >= _ON_ITS_SIDE else (image.height, image.width)
        return Head(size, image.mode in GREY)

    return _opened(file, file, head)


def read_image(
    file: str | Path | IO[bytes],
    shape: tuple[int, int, int],
    *,
    share: float = 1.0,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
    name: str | None = None,
) -> np.ndarray:
    """Read one image, upright, as (H, W, C) uint8, grey or in colour; transparency is dropped.

    An image of another size is resized with its aspect kept until it covers the shape, and its middle is cut out. JPEG
    files much larger than the shape are decoded at a half, a quarter or an eighth of their size.

    Args:
        file: a path, or an open file.
        shape: (H, W, C); C is 1 (grey) or 3 (colour).
        share: of the largest region of that aspect, how much of its height and width is cut out.
        resample: the filter.
        name: of the image in messages; by default that of the file.

    Raises:
        BadInput: the file is not an image, is damaged or truncated, or has more than 8 bits per channel.
    """

    def read(image: Image.Image) -> np.ndarray:
        turned = _UPRIGHT.get(_orientation(image))
        height, width, channels = shape
        size = (height, width) if _orientation(image) >= _ON_ITS_SIDE else (width, height)
        _draft(image, size, share)
        if image.width * image.height < _LARGE:
            pixels = _fitted(image, size, channels, share, resample)
        else:
            with _ONE_LARGE:
                pixels = _fitted(image, size, channels, share, resample)
        return np.asarray(pixels if turned is None else pixels.transpose(turned)).reshape(shape)

    return _opened(file, name or str(file), read)


def read_whole(file: str, edge: int) -> Image.Image:
    """The whole image as people see it: upright, grey or in colour, with its longest edge at most `edge` pixels.

    Raises:
        BadInput: as for `read_image`.
    """

    def read(image: Image.Image) -> Image.Image:
        turned = _UPRIGHT.get(_orientation(image))
        image.draft(None, (edge, edge))
        image.load()
        mode = "L" if image.mode in GREY else "RGB"
        pixels = image if image.mode == mode else image.convert(mode)
        scale = min(1.0, edge / max(pixels.size))
        size = max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale))
        pixels = pixels.resize(size, Image.Resampling.LANCZOS, reducing_gap=_GAP)
        return pixels if turned is None else pixels.transpose(turned)

    return _opened(file, file, read)


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


def _opened(file: Any, name: str, use: Callable[[Image.Image], Value]) -> Value:
    try:
        with Image.open(file) as image:
            if image.mode.startswith(_DEEP):
                raise BadInput(
                    f"the image {name} has more than 8 bits per channel (mode {image.mode}): convert it to 8 bits"
                )
            return use(image)
    except BadInput:
        raise
    except _BROKEN as error:
        raise BadInput(f"cannot read the image {name}: {error}") from error


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(_ORIENTATION, 1)) if image.format in _CAMERAS else 1


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
    image.load()
    # `convert` copies even if nothing changes, and a copy of a large image is what memory does not have room for
    pixels = image if image.mode == mode else image.convert(mode)
    if pixels.size == size and share == 1:
        return pixels
    width, height = _region(pixels, size, share)
    left, top = (pixels.width - width) / 2, (pixels.height - height) / 2
    return pixels.resize(size, resample, (left, top, pixels.width - left, pixels.height - top), reducing_gap=_GAP)
