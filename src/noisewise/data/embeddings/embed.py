"""`embed`: the embeddings of all rows of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from noisewise.data.dataset import Dataset
from noisewise.data.embeddings.cache import Cache
from noisewise.data.embeddings.encoders import PACKAGED, ImageEncoder, packaged_encoder
from noisewise.data.embeddings.pretrained import image_encoder, text_batches
from noisewise.data.images.decode import fit_pixels
from noisewise.data.images.files import in_threads, located
from noisewise.errors import BadInput

BATCH = 16  # images at a time: more are slower, since their maps outgrow the caches of the processor
READING = "pictures on white"  # how pixels are read from files: another way makes other embeddings
STORED = 1024  # images after which the cache is written


def embed(
    data: Dataset,
    encoder: str | None = None,
    *,
    device: torch.device | str = "cpu",
    cache: bool = True,
    on_progress: Callable[[float], None] | None = None,
) -> np.ndarray:
    """(n, d) float32 embeddings of the images or texts of a data set.

    Images of any size are resized with their aspect kept until they cover the size that the encoder expects, and their
    middle is cut out; grey ones become coloured. Files are read in batches at their own size, whatever size the data
    set gives to networks, so that memory does not grow with their number. Embeddings of images are kept in the user's
    cache folder, by the content of the file and of the encoder: the same images are embedded once.

    An embedding is the mean over the positions of the last map of a convolutional network, or over the tokens of the
    last layer of a transformer (for texts, without padding; for images, including class tokens). Models of images and
    texts (such as CLIP) use their shared embedding space. Texts are truncated to 512 tokens.

    Args:
        data: n rows of kind "image" or "text".
        encoder: a folder with a model of `transformers`, or its name on the hub; None or "efficientnet-lite0" is the
            network for images that noisewise is installed with (1,280 numbers).
        device: device of the computation.
        cache: whether to use the cache.
        on_progress: called with the share of rows done.

    Raises:
        BadInput: the encoder or the library that it needs is missing, the encoder does not fit the rows, the rows are
            neither texts nor images, or an image is damaged.
    """
    if data.kind not in ("text", "image"):
        raise BadInput(f"embed={encoder!r} is for texts and images, but {data.name} is a {data.kind}")
    progress = on_progress or (lambda share: None)
    if data.kind == "image":
        made = packaged_encoder(device) if encoder in (None, PACKAGED) else image_encoder(str(encoder), device)
        return embedded_images(data, made, Cache(f"{made.identity} {READING}") if cache else None, progress)
    if encoder is None:
        raise BadInput(f"the packaged encoder is for images, and {data.name} is a text: name one for texts")
    found = []
    for count, rows in text_batches(data, encoder, device):
        found.append(rows)
        progress(count / len(data))
    return np.concatenate(found)


def embedded_images(
    data: Dataset,
    encoder: ImageEncoder,
    cache: Cache | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """(n, d) float32 embeddings of images by an encoder; copies are embedded once.

    Args:
        data: n images.
        encoder: what embeds them.
        cache: what is known already, and where the rest is kept; None computes all.
        progress: called with the share of rows done.

    Raises:
        BadInput: an image is damaged.
    """
    images = _Images(data, encoder)
    try:
        return _embedded(images, len(data), encoder, cache, progress)
    except BadInput as error:
        raise images.refusal(error) from error


def _embedded(
    images: _Images, n: int, encoder: ImageEncoder, cache: Cache | None, progress: Callable[[float], None]
) -> np.ndarray:
    keys = list(in_threads(images.key, range(n)))
    found = np.empty((n, encoder.width), dtype=np.float32)
    source = _first_of(keys)
    known = {} if cache is None else cache.read(keys)
    for at, key in enumerate(keys):
        if key in known:
            found[at] = known[key]
    missing = np.array([at for at in np.unique(source) if keys[at] not in known], dtype=np.int64)
    done = 0
    pixels = in_threads(images.pixels, missing.tolist())
    for part in _pieces(missing, STORED):
        for rows in _pieces(part, BATCH):
            found[rows] = encoder(np.stack([next(pixels) for _ in rows]))
            done += len(rows)
            progress(done / len(missing))
        if cache is not None:
            cache.write([keys[at] for at in part], found[part])
    progress(1.0)
    return found[source]


def _first_of(keys: list[bytes]) -> np.ndarray:
    """(n,) the position of the first equal key."""
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(key, at) for at, key in enumerate(keys)], dtype=np.int64)


def _pieces(positions: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(positions), size):
        yield positions[start : start + size]


class _Images:
    """The images of a data set at the size of an encoder."""

    def __init__(self, data: Dataset, encoder: ImageEncoder) -> None:
        self.inputs, self.located = data.inputs, located(data.inputs)
        self.shape = (*encoder.size, 3)
        self.how: dict[str, Any] = {"share": encoder.share, "resample": encoder.resample}

    def key(self, position: int) -> bytes:
        """What identifies the content of an image."""
        if self.located is not None:
            pictures, positions = self.located
            # what becomes white in pictures of more than 8 bits depends on the others
            level = b"" if pictures.white is None else repr(pictures.white).encode()
            content = pictures.content(int(positions[position])) + level
        else:
            row = np.ascontiguousarray(self._row(position))
            content = repr(row.shape).encode() + row.tobytes()
        return hashlib.blake2b(content, digest_size=16).digest()

    def pixels(self, position: int) -> np.ndarray:
        """(H, W, 3) uint8."""
        if self.located is not None:
            pictures, positions = self.located
            return pictures.read(int(positions[position]), self.shape, **self.how)
        return fit_pixels(self._row(position), self.shape, **self.how)

    def refusal(self, error: BadInput) -> BadInput:
        """The error that names all broken pictures."""
        return error if self.located is None else self.located[0].take(self.located[1].tolist()).refusal(error)

    def _row(self, position: int) -> np.ndarray:
        return np.asarray(self.inputs[np.array([position])][0])
