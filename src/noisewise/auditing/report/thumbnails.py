"""Small pictures of images, as data URIs that together stay within a budget."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from noisewise.data.dataset import Dataset
from noisewise.data.images.files import image_of

EDGES = (512, 384, 256, 192, 128, 96, 72, 56, 40, 28)
EXACT = 64
BUDGET = 7_000_000
TRIED = 16  # images by which the edge is chosen


def thumbnails(data: Dataset, positions: np.ndarray, *, budget: int = BUDGET, largest: int = EDGES[0]) -> list[str]:
    """Data URIs of the images at `positions`; no other image is read.

    Images up to 64 pixels are kept exactly, as PNG; larger ones become smaller JPEGs. The longest edge shrinks until
    all of them together need at most `budget` characters, or down to 28 pixels; at this edge the last images are left
    out, as an empty text, where the budget is used up.

    Args:
        data: images, (n, H, W, C) uint8 with C = 1, 3 or 4; possibly a lazy reader.
        positions: (m,) rows to show.
        budget: the most characters for all images together.
        largest: the longest edge to begin with.
    """
    edges = [edge for edge in EDGES if edge <= largest]
    tried = positions[:: max(1, len(positions) // TRIED)][:TRIED]
    images = [_shrunk(image_of(data.inputs, int(position), edges[0]), edges[0]) for position in tried]
    share = 0.95 * budget * len(tried) / max(len(positions), 1)  # the others may be larger than those tried
    fitting = (at for at, edge in enumerate(edges) if sum(len(_uri(_shrunk(one, edge))) for one in images) <= share)
    for edge in edges[next(fitting, len(edges) - 1) :]:
        found = _within(data, positions, edge, budget)
        if len(found) == len(positions) or edge == edges[-1]:
            return found + [""] * (len(positions) - len(found))
    return []


def _within(data: Dataset, positions: np.ndarray, edge: int, budget: int) -> list[str]:
    """The images at this edge, up to the first that does not fit into the budget."""
    found: list[str] = []
    left = budget
    for position in positions.tolist():
        uri = _uri(_shrunk(image_of(data.inputs, position, edge), edge))
        left -= len(uri)
        if left < 0:
            break
        found.append(uri)
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
