"""`embed`: the embeddings of all rows of a data set."""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from noisewise.data.dataset import Dataset
from noisewise.data.embeddings.cache import Cache
from noisewise.data.embeddings.encoders import PACKAGED, ImageEncoder, packaged_encoder
from noisewise.data.embeddings.pretrained import image_encoder, text_batches
from noisewise.data.images.decode import fit_pixels
from noisewise.data.images.files import in_threads, located
from noisewise.errors import BadInput
from noisewise.files import whole

BATCH = 16  # images at a time: more are slower, since their maps outgrow the caches of the processor
PIECE = 256  # images that are sent to another process at a time: some seconds of work
READING = "pictures on white"  # how pixels are read from files: another way makes other embeddings
STORED = 1024  # images after which the cache is written


class Mapper(Protocol):
    """What calls a function for many items: an engine of `noisewise.compute`."""

    @property
    def in_process(self) -> bool:
        """Whether the calls are made in the present process."""

    @property
    def shares_files(self) -> bool:
        """Whether the calls see the files of this machine."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Each item's number with its result or exception, in any order; items are taken when there is room."""


def embed(
    data: Dataset,
    encoder: str | None = None,
    *,
    device: torch.device | str = "cpu",
    cache: bool = True,
    on_progress: Callable[[float], None] | None = None,
    engine: Mapper | None = None,
    out: str | Path | None = None,
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
        engine: where images are embedded; None is this process, with its threads. `LocalEngine()` is one process per
            core; a `RayEngine` sends the files to its machines, a few at a time.
        out: a .npy file for the embeddings, which are then not kept in memory but read from it; None keeps them.

    Raises:
        BadInput: the encoder or the library that it needs is missing, the encoder does not fit the rows, the rows are
            neither texts nor images, an image is damaged, a process that embedded images was lost, or `out` cannot be
            written.
    """
    if data.kind not in ("text", "image"):
        raise BadInput(f"embed={encoder!r} is for texts and images, but {data.name} is a {data.kind}")
    progress = on_progress or (lambda share: None)
    if data.kind == "image":
        made = packaged_encoder(device) if encoder in (None, PACKAGED) else image_encoder(str(encoder), device)
        known = Cache(f"{made.identity} {READING}") if cache else None
        return embedded_images(data, made, known, progress, engine, out)
    if encoder is None:
        raise BadInput(f"the packaged encoder is for images, and {data.name} is a text: name one for texts")
    found = []
    for count, rows in text_batches(data, encoder, device):
        found.append(rows)
        progress(count / len(data))
    every = np.concatenate(found)
    if out is None:
        return every
    with _array(out, (len(every), every.shape[1])) as array:
        array[:] = every
    return np.load(out, mmap_mode="r")


def embedded_images(
    data: Dataset,
    encoder: ImageEncoder,
    cache: Cache | None = None,
    progress: Callable[[float], None] = lambda share: None,
    engine: Mapper | None = None,
    out: str | Path | None = None,
) -> np.ndarray:
    """(n, d) float32 embeddings of images by an encoder; copies are embedded once.

    Args:
        data: n images.
        encoder: what embeds them.
        cache: what is known already, and where the rest is kept; None computes all.
        progress: called with the share of rows done.
        engine: as for `embed`.
        out: as for `embed`.

    Raises:
        BadInput: an image is damaged, a process was lost, or `out` cannot be written.
    """
    images = _Images(data, encoder)
    with _array(out, (len(data), encoder.width)) as found:
        try:
            _embed_into(found, images, encoder, cache, progress, engine)
        except BadInput as error:
            if type(error) is not BadInput:  # of the engine
                raise
            raise images.refusal(error) from error
    return found if isinstance(found, np.ndarray) else np.load(str(out), mmap_mode="r")


class _File:
    """(n, d) float32 in a .npy file; it is mapped for each access alone, so that no more of it is held in memory.

    Args:
        path: of the file, which is made.
        shape: (n, d).
    """

    def __init__(self, path: Path, shape: tuple[int, int]) -> None:
        self.path, self.shape = path, shape
        np.lib.format.open_memmap(path, "w+", np.float32, shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        return np.array(np.load(self.path, mmap_mode="r")[rows])

    def __setitem__(self, rows: Any, values: np.ndarray, /) -> None:
        np.load(self.path, mmap_mode="r+")[rows] = values


@contextlib.contextmanager
def _array(out: str | Path | None, shape: tuple[int, int]) -> Iterator[np.ndarray | _File]:
    """An array to write: in memory, or in a file, which is there as a whole when the block has ended well."""
    if out is None:
        yield np.empty(shape, dtype=np.float32)
        return
    with whole(out) as temporary:
        yield _File(temporary, shape)


def _embed_into(
    found: np.ndarray | _File,
    images: _Images,
    encoder: ImageEncoder,
    cache: Cache | None,
    progress: Callable[[float], None],
    engine: Mapper | None,
) -> None:
    keys = list(in_threads(images.key, range(len(found))))
    source = _first_of(keys)
    known = np.zeros(len(found), dtype=bool) if cache is None else cache.fill(keys, found)
    missing = np.flatnonzero((source == np.arange(len(found))) & ~known)
    done, unstored = 0, list[int]()
    for rows, embeddings in _embedded(images, encoder, missing, engine):
        found[rows] = embeddings
        done += len(rows)
        progress(done / len(missing))
        if cache is not None:
            unstored += rows.tolist()
            if len(unstored) >= STORED or done == len(missing):
                cache.write([keys[at] for at in unstored], found[unstored])
                unstored.clear()
    for copies in _pieces(np.flatnonzero(source != np.arange(len(found))), STORED):
        found[copies] = found[source[copies]]
    progress(1.0)


def _embedded(
    images: _Images,
    encoder: ImageEncoder,
    positions: np.ndarray,
    engine: Mapper | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pieces of the positions with their embeddings, in any order."""
    if engine is None or engine.in_process:
        pixels = in_threads(images.pixels, positions.tolist())
        for rows in _pieces(positions, BATCH):
            yield rows, encoder(np.stack([next(pixels) for _ in rows]))
        return
    if not len(positions):
        return
    pieces = list(_pieces(positions, PIECE))
    sent = (images.piece(rows, with_contents=not engine.shares_files) for rows in pieces)
    for number, answer in engine.map(_Encoding(encoder), sent):
        if isinstance(answer, BaseException):
            raise answer
        yield pieces[number], answer


@dataclass(frozen=True, eq=False)
class _Encoding:
    """Embeds a piece of the images, in another process."""

    encoder: ImageEncoder

    def __call__(self, images: _Images) -> np.ndarray:
        """(len(images), d) float32."""
        every = np.arange(len(images))
        return np.concatenate([rows for _, rows in _embedded(images, self.encoder, every, None)])


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

    def __len__(self) -> int:
        return len(self.inputs) if self.located is None else len(self.located[1])

    def piece(self, positions: np.ndarray, *, with_contents: bool) -> _Images:
        """Some of the images, small enough to be sent: their pixels, or their files' names or contents."""
        one = copy.copy(self)
        if self.located is None:
            one.inputs = np.asarray(self.inputs[positions])
            return one
        pictures = self.located[0].take(self.located[1][positions].tolist())
        if with_contents and pictures.contents is None:
            contents = [pictures.content(at) for at in range(len(pictures))]
            pictures = replace(pictures, contents=contents)
        one.inputs, one.located = np.empty((len(positions), 0)), (pictures, np.arange(len(positions)))
        return one

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
