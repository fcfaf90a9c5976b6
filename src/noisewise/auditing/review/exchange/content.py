"""A row as a person sees it in another tool: a picture, or named texts."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from PIL import Image

from noisewise.data.dataset import Dataset
from noisewise.data.images.files import image_of

EXACT = 64
FEATURES = 12


def picture(data: Dataset, position: int, edge: int) -> tuple[bytes, str]:
    """One image as the bytes of a file, and the file's suffix.

    Images up to 64 pixels are exact, as PNG; larger ones become JPEG, shrunk to a longest edge of `edge` pixels.

    Args:
        data: images, (n, H, W, C) uint8 with C = 1, 3 or 4; no other row is read.
        position: of the row.
        edge: longest edge in pixels.
    """
    image = image_of(data.inputs, position, edge)
    buffer = io.BytesIO()
    if max(image.size) <= EXACT:
        image.save(buffer, "PNG", optimize=True)
        return buffer.getvalue(), ".png"
    image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    image.convert("L" if image.mode == "L" else "RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue(), ".jpg"


def cells(data: Dataset, positions: np.ndarray) -> list[dict[str, str]]:
    """Each row's described columns as text; vectors without a description show their first 12 numbers."""
    if data.described is not None:
        frame = data.described.iloc[positions]
    elif data.kind != "image" and len(data.shape) == 1:
        first = range(min(FEATURES, data.shape[0]))
        frame = pd.DataFrame(data.inputs[positions][:, : len(first)], columns=[f"feature {i}" for i in first])
    else:
        return [{} for _ in positions]
    columns = {str(name): frame.iloc[:, at].tolist() for at, name in enumerate(frame.columns)}
    return [{name: _text(values[row]) for name, values in columns.items()} for row in range(len(positions))]


def _text(value: object) -> str:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
