"""Inputs that are pictures in files, or in the bytes of a table, and are read when they are needed."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from PIL import Image

from noisewise.data.dataset import Dataset, Inputs, Selection
from noisewise.data.images.decode import Head, read_head, read_image, read_level, read_whole
from noisewise.data.reading import Reading
from noisewise.errors import BadInput

if TYPE_CHECKING:
    from noisewise.data.images.decoded import Decoded

Item = TypeVar("Item")
Value = TypeVar("Value")

RESIDENT = 1 << 30  # 1 GiB of decoded images
LARGEST = 64  # pixels of the shorter side to which networks from scratch get larger images by default
_THREADS = 16
AHEAD = 64  # pictures that are decoded in advance
_CHECKED = 20_000  # pictures that are tried to name all broken ones beside the first
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Pictures:
    """Where n pictures are, and how their pixels are understood.

    Attributes:
        files: n paths below `root`, or names of pictures in memory.
        root: the folder of the files; "" if their paths are whole.
        contents: n contents of files, if the pictures are in memory.
        white: the value that becomes 255 in pictures of more than 8 bits per channel; None where there are none.
    """

    files: Sequence[str]
    root: str = ""
    contents: Sequence[bytes] | None = None
    white: float | None = None

    def __len__(self) -> int:
        return len(self.files)

    def path(self, position: int) -> str:
        """The file of a picture."""
        return os.path.join(self.root, self.files[position])

    def source(self, position: int) -> str | bytes:
        """What is opened to read a picture: its file or its content."""
        return self.path(position) if self.contents is None else self.contents[position]

    def name(self, position: int) -> str:
        """How messages name a picture."""
        return shown(self.path(position))

    def content(self, position: int) -> bytes:
        """The bytes of a picture's file.

        Raises:
            BadInput: it cannot be read.
        """
        source = self.source(position)
        if isinstance(source, bytes):
            return source
        try:
            return Path(source).read_bytes()
        except OSError as error:
            raise BadInput(f"cannot read the image {self.name(position)}: {error.strerror}") from error

    def read(self, position: int, shape: tuple[int, int, int], **how: Any) -> np.ndarray:
        """One picture as (H, W, C) uint8; see `read_image`."""
        return read_image(self.source(position), shape, name=self.name(position), white=self.white, **how)

    def whole(self, position: int, edge: int) -> Image.Image:
        """One picture as a whole; see `read_whole`."""
        return read_whole(self.source(position), edge, name=self.name(position), white=self.white)

    def head(self, position: int) -> Head:
        """What a picture says about itself; see `read_head`."""
        return read_head(self.source(position), self.name(position))

    def level(self, position: int) -> float:
        """The largest value of a picture of more than 8 bits per channel; 0 of others."""
        return read_level(self.source(position), self.name(position))

    def take(self, positions: Iterable[int]) -> Pictures:
        """Some of the pictures."""
        chosen = list(positions)
        contents = None if self.contents is None else [self.contents[i] for i in chosen]
        return replace(self, files=[self.files[i] for i in chosen], contents=contents)

    def broken(self, positions: Iterable[int] | None = None) -> dict[int, str]:
        """The positions of the pictures that cannot be read, with the reasons; all are decoded to find out."""

        def why(position: int) -> str | None:
            try:
                self.read(position, (8, 8, 1))
            except BadInput as error:
                return self.why(position, error)
            return None

        chosen = list(range(len(self)) if positions is None else positions)
        return {at: said for at, said in zip(chosen, in_threads(why, chosen), strict=True) if said is not None}

    def why(self, position: int, error: BadInput) -> str:
        """Why a picture cannot be read, without its name."""
        return str(error).removeprefix(f"cannot read the image {self.name(position)}: ")

    def refusal(self, first: BadInput) -> BadInput:
        """The error that names all broken pictures in place of the first."""
        tried = range(min(len(self), _CHECKED))
        found = self.broken(tried)
        if len(found) < 2:
            return BadInput(f"{first} (--skip-broken leaves it out)")
        named = "; ".join(f"{self.name(at)}: {why}" for at, why in list(found.items())[:_NAMED])
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        of = f"{len(tried)}" if len(tried) == len(self) else f"the first {len(tried)}"
        return BadInput(f"cannot read {len(found)} of {of} images (--skip-broken leaves them out): {named}{more}")


class ImageFiles:
    """Inputs of a Dataset: pictures that are read on access, resized and cut to one shape.

    Args:
        pictures: n pictures.
        shape: (H, W, C) to which every image is brought; C is 1 (grey) or 3 (colour).
        own: (H, W) of the pictures themselves, the median of a sample; by default that of the shape.
        stated: whether someone asked for this shape, so that no model's preferred size replaces it.
        kept: whether all images are read on first access, and their pixels at the shape kept in memory.
        again: whether images that are not kept in memory may be read several times, so that their pixels go into a
            temporary file in the cache folder, if the disk has room for them.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        pictures: Pictures,
        shape: tuple[int, int, int],
        own: tuple[int, int] | None = None,
        *,
        stated: bool = False,
        kept: bool = False,
        again: bool = True,
    ) -> None:
        self.pictures = pictures
        self.shape = (len(pictures), *shape)
        self.own = own or shape[:2]
        self.stated, self.kept = stated, kept
        self._every = np.arange(len(pictures))
        self._pixels: np.ndarray | None = None
        self._rows = self._every  # in the temporary file
        self._again, self._decoded = again and not kept, cast("Decoded | None", None)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, positions: Any, /) -> np.ndarray:
        if not self.kept:
            return self._read(self._every[positions])
        if self._pixels is None:
            self._pixels = self._read(self._every)
        return self._pixels[positions]

    def __getstate__(self) -> dict[str, Any]:
        """For other processes, which share the temporary file; on other machines there is none."""
        self._make_room()
        return vars(self)

    def broken(self) -> dict[int, str]:
        """The positions of the pictures that cannot be read, with the reasons; the others are kept as they are read."""
        pixels = np.zeros(self.shape, dtype=np.uint8) if self.kept else None
        found: dict[int, str] = {}

        def tried(position: int) -> np.ndarray | str:
            try:
                return self._open(position)
            except BadInput as error:
                return self.pictures.why(position, error)

        self._make_room()
        for position, image in enumerate(in_threads(tried, range(len(self)))):
            if isinstance(image, str):
                found[position] = image
            elif pixels is not None:
                pixels[position] = image
        self._pixels = pixels
        return found

    def take(self, positions: np.ndarray, own: tuple[int, int]) -> ImageFiles:
        """Some of the pictures, without reading again what was read.

        Args:
            positions: (m,) of the pictures.
            own: (H, W) of these pictures themselves.
        """
        shape: Any = self.shape[1:]
        pictures = self.pictures.take(positions.tolist())
        other = ImageFiles(pictures, shape, own, stated=self.stated, kept=self.kept, again=self._again)
        other._pixels = None if self._pixels is None else self._pixels[positions]
        other._decoded, other._rows = self._decoded, self._rows[positions]
        return other

    def at(self, size: tuple[int, int], *, stated: bool) -> ImageFiles:
        """The same pictures at another size (H, W); kept in memory if they are small enough."""
        shape = (*size, self.shape[3])
        kept = len(self) * int(np.prod(shape)) <= RESIDENT
        return ImageFiles(self.pictures, shape, self.own, stated=stated, kept=kept)

    def _read(self, chosen: np.ndarray) -> np.ndarray:
        try:
            if chosen.ndim == 0:
                return self._open(chosen)
            self._make_room()
            images = np.empty((len(chosen), *self.shape[1:]), dtype=np.uint8)
            for place, image in enumerate(in_threads(self._open, chosen)):
                images[place] = image
        except BadInput as error:
            raise self.pictures.refusal(error) from error
        return images

    def _open(self, position: Any) -> np.ndarray:
        position = int(position)
        row = int(self._rows[position])
        known = None if self._decoded is None else self._decoded.read(row)
        if known is not None:
            return known
        _, height, width, channels = self.shape
        image = self.pictures.read(position, (height, width, channels))
        if self._decoded is not None:
            self._decoded.write(row, image)
        return image

    def _make_room(self) -> None:
        """Make the temporary file for decoded images, once, where there is to be one."""
        if not self._again:
            return
        self._again = False
        from noisewise.data.images.decoded import Decoded

        with contextlib.suppress(OSError):
            self._decoded = Decoded(len(self), self.shape[1:])


def in_threads(function: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Value]:
    """The results of a function for every item, in order; only a few are computed in advance."""
    waiting: deque[Future[Value]] = deque()
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def shown(path: str) -> str:
    r"""A path as text that can be written: bytes that are not UTF-8 become \\xe9 and the like."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def located(inputs: Inputs) -> tuple[Pictures, np.ndarray] | None:
    """The pictures behind inputs that are `ImageFiles` or a selection of them, and their positions; None of others."""
    base = inputs.base if isinstance(inputs, Selection) else inputs
    if not isinstance(base, ImageFiles):
        return None
    positions = inputs.positions if isinstance(inputs, Selection) else np.arange(len(base))
    return base.pictures, positions


def image_files(inputs: Inputs) -> list[str] | None:
    """The files of inputs that are `ImageFiles` or a selection of them, in order; None if there are no files."""
    found = located(inputs)
    if found is None or found[0].contents is not None:
        return None
    return [found[0].path(at) for at in found[1].tolist()]


def at_size(data: Dataset, size: int | tuple[int, int], *, stated: bool = True) -> Dataset:
    """Images that are read from files, in all splits, at another size.

    Args:
        data: the data set; inputs that are not read from files stay as they are.
        size: N for N x N pixels, or (H, W).
        stated: whether someone asked for the size; otherwise a size that someone asked for earlier stays.
    """
    height, width = (size, size) if isinstance(size, int) else size
    parts: dict[str, Any] = {name: at_size(part, size, stated=stated) for name, part in data.parts.items()}
    inputs = data.inputs
    base = inputs.base if isinstance(inputs, Selection) else inputs
    if not isinstance(base, ImageFiles) or (base.stated and not stated):
        return replace(data, **parts)
    other: Inputs = base.at((height, width), stated=stated)
    if isinstance(inputs, Selection):
        other = Selection(other, inputs.positions)
    record = {"step": "size", "size": [height, width, base.shape[3]]}
    return replace(data, inputs=other, provenance=(*data.provenance, record), **parts)


def resized(data: Dataset, size: int | tuple[int, int], name: str) -> Dataset:
    """The same as `at_size`, for data sets that must have pictures.

    Raises:
        BadInput: `data`, which messages call by its name, has no images that are read from files.
    """
    if located(data.inputs) is None:
        Reading(size=size).refuse(name)
    return at_size(data, size)


def image_of(inputs: Inputs, position: int, edge: int) -> Image.Image:
    """One image as people see it: a file that networks get at another size as a whole, up to `edge` pixels.

    Args:
        inputs: (n, H, W, C) uint8 images with C = 1, 3 or 4; no other row is read.
        position: of the row.
        edge: longest edge of an image from such a file, in pixels.
    """
    if own_size(inputs) != inputs.shape[1:3] and (found := located(inputs)) is not None:
        return found[0].whole(int(found[1][position]), edge)
    pixels = np.ascontiguousarray(inputs[np.array([position])][0], dtype=np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] in (1, 2) else pixels[..., :4])


def own_size(inputs: Inputs) -> tuple[int, int]:
    """(H, W) of images before they were brought to one shape: the median of a sample of their files."""
    base = inputs.base if isinstance(inputs, Selection) else inputs
    return base.own if isinstance(base, ImageFiles) else (int(inputs.shape[1]), int(inputs.shape[2]))


def size_note(data: Dataset) -> str | None:
    """In words, at which size networks get images whose files have other sizes; None where they are as they were."""
    if data.kind != "image" or own_size(data.inputs) == data.shape[:2]:
        return None
    (height, width), (rows, columns) = own_size(data.inputs), data.shape[:2]
    return f"about {width} x {height} pixels; networks get {columns} x {rows} (--size N)"
