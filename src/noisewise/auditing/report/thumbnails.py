"""Small pictures of images, as data URIs that together stay within a budget."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from noisewise.data.dataset import Dataset
from noisewise.data.images.files import image_of

EDGES = (128, 96, 72, 56, 40, 28)
EXACT = 64
BUDGET = 3_500_000


def thumbnails(data: Dataset, positions: np.ndarray, *, budget: int = BUDGET) -> list[str]:
    """Data URIs of the images at `positions`; no other image is read.

    Images up to 64 pixels are kept exactly, as PNG; larger ones become smaller JPEGs. The longest edge shrinks until
    all of them together need at most `budget` characters, or down to 28 pixels.

    Args:
        data: images, (n, H, W, C) uint8 with C = 1, 3 or 4; possibly a lazy reader.
        positions: (m,) rows to show.
        budget: the most characters for all images together.
    """
    images = [_shrunk(image_of(data.inputs, int(position), EDGES[0]), EDGES[0]) for position in positions]
    found: list[str] = []
    for edge in EDGES:
        images = [_shrunk(image, edge) for image in images]
        found = [_uri(image) for image in images]
        if sum(map(len, found)) <= budget:
            break
    return found


def _shrunk(image: Image.Image, edge: int) -> Image.Image:
    longest = max(image.size)
    if longest <= edge:
        return image
    size = (max(1, round(image.width * edge / longest)), max(1, round(image.height * edge / longest)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    if max(image.size) <= EXACT:
        image.save(buffer, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    image.convert("L" if image.mode == "L" else "RGB").save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
