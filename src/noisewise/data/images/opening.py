"""Pictures of any size and kind become the images of a data set: one shape, grey or colour, broken ones left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.dataset import Dataset, Inputs
from noisewise.data.images.decode import LEVELS, Head
from noisewise.data.images.files import LARGEST, RESIDENT, ImageFiles, Pictures, in_threads, shown
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput
from noisewise.formatting import count

Size = int | tuple[int, int]
_ONE_ASPECT = 1.02  # ratio of aspects up to which they count as equal
_SAMPLE = 64
_NAMED = 5


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures of one split with their labels.

    Attributes:
        pictures: n pictures.
        given: (n,) class numbers; -1 throughout where there are no labels.
        first: index of the first row.
    """

    pictures: Pictures
    given: np.ndarray
    first: int = 0


@dataclass(frozen=True, eq=False)
class Opened:
    """Pictures as inputs.

    Attributes:
        inputs: of m rows.
        kept: (m,) positions of the pictures that are used, in order.
    """

    inputs: Inputs
    kept: np.ndarray


def open_pictures(
    name: str, parts: Mapping[str, Pictures], reading: Reading = DEFAULT, resident: int = RESIDENT
) -> tuple[dict[str, Opened], dict[str, Any]]:
    """The inputs of every split, and what is to be recorded about them.

    Images are grey if a sample of 64 pictures of the first split is, and colour otherwise. All are brought to one
    shape: resized with their aspect kept, and their middle cut out. If the sample has one size of at most 64 pixels on
    the shorter side, that is the shape. Otherwise the shorter side is the median one, at most 64 pixels, and the shape
    is square unless the sample has one aspect. The pictures remain known: embeddings read them at their own size.

    Args:
        name: of the data set.
        parts: pictures by split, the training split first.
        reading: `size`, and `skip_broken`: whether pictures that cannot be read are left out, rather than refused.
        resident: largest total size of images to keep in memory, in bytes.

    Raises:
        BadInput: a picture cannot be read, or all are broken.
    """
    kept = {split: np.arange(len(part)) for split, part in parts.items()}
    skipped: list[dict[str, str]] = []
    tried = _tried(parts, reading.size, resident) if reading.skip_broken else {}
    if reading.skip_broken:
        for split, part in parts.items():
            broken = tried[split].broken() if tried else part.broken()
            kept[split] = np.setdiff1d(kept[split], list(broken))
            skipped += [{"file": shown(part.files[at]), "why": why} for at, why in broken.items()]
    read = {split: part.take(kept[split]) if skipped else part for split, part in parts.items()}
    first = next(iter(read.values()))
    if not len(first):
        raise BadInput(f"{name} has no image that can be read")
    shape, own, white, notes = _understood(first, reading.size)
    record: dict[str, Any] = {"size": list(shape), "own_size": list(own)}
    if skipped:
        record["skipped"], notes = skipped, [skipped_note(skipped), *notes]
    if white is not None:
        record["white"] = white
    if notes:
        record["notes"] = notes
    total = sum(map(len, read.values())) * int(np.prod(shape))
    opened = {}
    for split, pictures in read.items():
        if tried and tried[split].shape[1:] == shape and white is None:
            inputs = tried[split].take(kept[split], own)
        else:
            inputs = ImageFiles(replace(pictures, white=white), shape, own, stated=reading.size is not None)
        opened[split] = Opened(inputs if total > resident else _loaded(inputs), kept[split])
    return opened, record


def picture_data(
    name: str,
    main: Labelled,
    classes: tuple[str, ...],
    splits: Mapping[str, Labelled] | None = None,
    *,
    record: Mapping[str, Any],
    reading: Reading = DEFAULT,
    resident: int = RESIDENT,
) -> Dataset:
    """A data set of pictures in files.

    Args:
        name: of the data set.
        main: the training rows.
        classes: K class names.
        splits: other splits by name: "test", "validation", "trusted", "unlabelled".
        record: of the provenance, to which sizes and notes are added.
        reading: as for `open_pictures`.
        resident: as for `open_pictures`.

    Raises:
        BadInput: as for `open_pictures`.
    """
    parts = {"": main, **(splits or {})}
    opened, more = open_pictures(name, {split: part.pictures for split, part in parts.items()}, reading, resident)
    notes = [*record.get("notes", ()), *more.pop("notes", ())]
    made: dict[str, Any] = {}
    for split, part in parts.items():
        kept = opened[split].kept
        files = [shown(part.pictures.files[at]) for at in kept]
        made[split] = Dataset(
            opened[split].inputs,
            part.given[kept],
            classes,
            "image",
            index=part.first + kept,
            name=name,
            described=pd.DataFrame({"file": files}),
        )
    provenance = ({**record, **more, **({"notes": notes} if notes else {})},)
    return replace(made.pop(""), provenance=provenance, **{split: data for split, data in made.items() if len(data)})


def skipped_note(skipped: Sequence[dict[str, str]]) -> str:
    """A sentence about the pictures that were left out, each as its `file` and `why`."""
    named = "; ".join(f"{one['file']} ({one['why']})" for one in skipped[:_NAMED])
    more = f"; and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return f"left out because they cannot be read: {count(len(skipped), 'image')}: {named}{more}"


def _loaded(inputs: ImageFiles) -> Inputs:
    if inputs.own == inputs.shape[1:3]:  # an array loses nothing; of images that are cut the files must remain known
        return inputs[:]
    return inputs if inputs.kept else inputs.at(inputs.shape[1:3], stated=inputs.stated)


def _tried(parts: Mapping[str, Pictures], size: Size | None, resident: int) -> dict[str, ImageFiles]:
    """All pictures at the shape that those of the sample have which can be read, so that trying them decodes them once.

    Nothing where that is not known beforehand: all of the sample are broken, or some have more than 8 bits per channel.
    """
    first = next(iter(parts.values()))

    def head(position: int) -> Head | None:
        try:
            return first.head(position)
        except BadInput:
            return None

    heads = [found for found in in_threads(head, _sampled(len(first))) if found is not None]
    if not heads or any(one.deep for one in heads):
        return {}
    shape = _shape(heads, size)
    kept = sum(map(len, parts.values())) * int(np.prod(shape)) <= resident
    return {split: ImageFiles(part, shape, stated=size is not None, kept=kept) for split, part in parts.items()}


def _sampled(count: int) -> list[int]:
    found: list[int] = np.unique(np.linspace(0, count - 1, _SAMPLE).astype(int)).tolist() if count else []
    return found


def _understood(
    pictures: Pictures, size: Size | None
) -> tuple[tuple[int, int, int], tuple[int, int], float | None, list[str]]:
    """The shape of all images, the median size of the sample, the level that is white, and what is to be said."""
    try:
        heads = list(in_threads(pictures.head, _sampled(len(pictures))))
        white = _white(pictures) if any(head.deep for head in heads) else None
    except BadInput as error:
        raise pictures.refusal(error) from error
    middle = np.median([head.size for head in heads], axis=0).astype(int)
    notes = []
    if white is not None:
        notes.append(f"images have more than 8 bits per channel: values of 0 to {white:g} become 0 to 255")
    if any(head.frames for head in heads):
        notes.append("of images with several frames the first is used")
    if any(head.transparent for head in heads):
        notes.append("what is transparent in images becomes white")
    return _shape(heads, size), (int(middle[0]), int(middle[1])), white, notes


def _shape(heads: Sequence[Head], size: Size | None) -> tuple[int, int, int]:
    if size is None:
        height, width = _default_size(heads)
    else:
        height, width = (size, size) if isinstance(size, int) else size
    return height, width, 1 if all(head.grey for head in heads) else 3


def _white(pictures: Pictures) -> float:
    """The largest value that pixels of as many bits as needed can have, over all pictures."""
    found = max(in_threads(pictures.level, range(len(pictures))))
    if 0 <= found <= 1:
        return 1.0
    level = next((level for level in LEVELS if found <= level), None)
    if level is None:
        raise BadInput(f"images have pixels up to {found:g}, but at most 16 bits per channel can be read: convert them")
    return float(level)


def _default_size(heads: Sequence[Head]) -> tuple[int, int]:
    sizes = np.array([head.size for head in heads])
    if len(np.unique(sizes, axis=0)) == 1 and sizes.min() <= LARGEST:
        return int(sizes[0, 0]), int(sizes[0, 1])
    side = min(int(np.median(sizes.min(axis=1))), LARGEST)
    aspects = sizes[:, 1] / sizes[:, 0]
    if aspects.max() > _ONE_ASPECT * aspects.min():
        return side, side
    aspect = float(np.median(aspects))
    return (side, round(side * aspect)) if aspect >= 1 else (round(side / aspect), side)
