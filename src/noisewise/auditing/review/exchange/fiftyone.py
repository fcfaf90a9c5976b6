"""FiftyOne: export of images with the audit's suggestions, import of corrected labels or tagged samples.

Written and read: FiftyOneImageClassificationDataset, `data/` and `labels.json` with `classes` and `labels`. Also read:
the JSON of a data set or a view (`write_json`, or `samples.json` of a FiftyOneDataset export).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from noisewise.auditing.review.exchange.content import picture
from noisewise.auditing.review.exchange.queue import Queue
from noisewise.data.row_names import name_columns
from noisewise.errors import BadInput
from noisewise.files import check_new, to_json, whole_folder

EDGE = 2048
NAME = re.compile(r"\d+_(-?\d{1,18})")
ACCEPTED, KEPT, REVIEWED = {"accept", "accepted"}, {"keep", "kept"}, "reviewed"
LEFT = {"unsure": "unsure", "remove": "remove", "removed": "remove"}  # decisions without a label, by their tag
FIELD = "ground_truth"


def export(queue: Queue, out: Path) -> list[Path]:
    """Write the queue as a folder that FiftyOne imports as a FiftyOneImageClassificationDataset.

    Every image has the suggested label, with the attributes `given`, `suspicion`, `expected_gain`, and the names of the
    row, such as `file`. A file's name
    starts with its place in the queue, followed by the row's index, so that FiftyOne, which sorts by name, keeps the
    order.

    Returns:
        The folder of images and `labels.json`.

    Raises:
        BadInput: the data are not images, or the folder cannot be written.
    """
    data = queue.data
    if data.kind != "image":
        raise BadInput(f"to=fiftyone needs images, but these data are of kind {data.kind!r}: use label-studio or csv")
    numbers = {name: number for number, name in enumerate(data.classes)}
    names = name_columns(queue.rows, "given")[1:]
    width = len(str(len(queue)))
    labels: dict[str, Any] = {}
    with whole_folder(out) as temporary:
        (temporary / "data").mkdir()
        for place, (row, position) in enumerate(zip(queue.records, queue.positions, strict=True)):
            name = f"{place:0{width}d}_{row['index']}"
            content, suffix = picture(data, int(position), EDGE)
            (temporary / "data" / (name + suffix)).write_bytes(content)
            attributes = {"given": row["given"], "suspicion": row["suspicion"], "expected_gain": row["gain"]}
            attributes |= {name: row[name] for name in names}
            labels[name] = {"label": numbers[row["suggested"]], "attributes": attributes}
        text = to_json({"classes": list(data.classes), "labels": labels})
        (temporary / "labels.json").write_text(text, encoding="utf-8")
        check_new(temporary, out)
    return [out / "data", out / "labels.json"]


def labels(content: Mapping[str, Any]) -> list[tuple[int, str]]:
    """(index, class name) of every labelled image in a `labels.json`: each of them counts as reviewed.

    Raises:
        BadInput: a name that was not written by `noisewise review`, or a label that is not a single class.
    """
    found, classes = content["labels"], content.get("classes")
    if not isinstance(found, dict) or not (classes is None or isinstance(classes, list)):
        raise BadInput("FiftyOne's labels.json must hold 'classes', a list, and 'labels', an object")
    return [(_index(name), _name(name, target, classes)) for name, target in found.items() if target is not None]


def sample_labels(content: Mapping[str, Any], issues: pd.DataFrame) -> list[tuple[int, str]]:
    """(index, class name) of every reviewed sample in the JSON of a data set or view.

    The tag `accept` (or `accepted`) stands for the suggested label, `keep` (or `kept`) for the given one. The tag
    `reviewed`, or a field `reviewed` that is true, stands for the label that the sample carries: its field
    `ground_truth`, or its only classification. Other samples were not reviewed.

    Args:
        content: of the file.
        issues: the audit's table of all rows, with `index`, `given` and `suggested`.

    Raises:
        BadInput: samples that are not a list or were not written by `noisewise review`, or a sample whose tags
            contradict each other, that has no label, or whose row is not in this audit.
    """
    samples = content["samples"]
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise BadInput("FiftyOne's JSON must hold 'samples', a list of objects")
    known = dict(zip(issues["index"], zip(issues["given"], issues["suggested"], strict=True), strict=True))
    chosen = ((sample, _index(str(sample.get("filepath", "")))) for sample in samples)
    found = [(index, _decided(sample, index, known)) for sample, index in chosen]
    return [(index, label) for index, label in found if label is not None]


def left_open(content: Mapping[str, Any]) -> list[tuple[int, str, str]]:
    """(index, decision, "") of every sample with the tag `unsure` or `remove`."""
    found = []
    for sample in content["samples"]:
        tags = set(map(str, sample.get("tags") or []))
        found += [(_index(str(sample.get("filepath", ""))), word, "") for tag, word in LEFT.items() if tag in tags]
    return found


def _decided(sample: dict[str, Any], index: int, known: Mapping[int, tuple[str, str]]) -> str | None:
    tags = set(map(str, sample.get("tags") or []))
    accepted, kept = bool(tags & ACCEPTED), bool(tags & KEPT)
    if accepted and kept:
        raise BadInput(f"FiftyOne's sample of the row with index {index} is tagged both accept and keep")
    if (accepted or kept) and index not in known:
        raise BadInput(f"FiftyOne's sample of the row with index {index} is not in this audit")
    if accepted or kept:
        given, suggested = known[index]
        return suggested if accepted else given
    return _carried(sample, index) if REVIEWED in tags or sample.get(REVIEWED) is True else None


def _carried(sample: dict[str, Any], index: int) -> str:
    fields = {
        name: value["label"]
        for name, value in sample.items()
        if isinstance(value, dict) and value.get("_cls") == "Classification" and isinstance(value.get("label"), str)
    }
    if FIELD in fields:
        return str(fields[FIELD])
    if len(fields) != 1:
        raise BadInput(
            f"FiftyOne's sample of the row with index {index} needs its label in the field {FIELD} or in a single "
            f"classification, but has {', '.join(fields) or 'none'}"
        )
    return str(next(iter(fields.values())))


def _index(name: str) -> int:
    file = PurePosixPath(name.replace("\\", "/")).name
    found = NAME.fullmatch(re.sub(r"\.(png|jpg)$", "", file))
    if found is None:
        raise BadInput(f"FiftyOne's image {name!r} was not written by `noisewise review`: its images are PLACE_INDEX")
    return int(found[1])


def _name(image: str, target: Any, classes: list[str] | None) -> str:
    label = target.get("label") if isinstance(target, dict) else target
    if isinstance(label, str):
        return label
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(classes or []):
        raise BadInput(f"FiftyOne's label {target!r} of the image {image!r} is not a single class of 'classes'")
    return str((classes or [])[label])
