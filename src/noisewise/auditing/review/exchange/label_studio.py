"""Label Studio: export of tasks with predictions and a labelling configuration, import of annotations.

The formats are those of its guide: "Label Studio JSON format of annotated tasks", "Import pre-annotated data" and the
tags View, Header, Image, Text, Table, Choices and Choice.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from noisewise.auditing.review.exchange.content import cells, picture
from noisewise.auditing.review.exchange.queue import Queue
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput, nearest
from noisewise.files import check_new, to_json, whole_folder

CONTROL, OBJECT = "label", "input"
IMAGES = ("embed", "folder")
EMBEDDED_EDGE, FILE_EDGE = 512, 2048
SHOWN_INLINE = 20
SERVED = "/data/local-files/?d="
NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def export(queue: Queue, out: Path, *, images: str = "embed", document_root: str | Path | None = None) -> list[Path]:
    """Write the queue as tasks, with the audit's suggestions as predictions, and the labelling configuration.

    The configuration is next to the tasks, with the suffix .xml. A prediction's score is the probability that the
    suggestion is right.

    Args:
        queue: the rows to review.
        out: the file of tasks, .json.
        images: "embed" puts images, shrunk to 512 pixels, into the tasks as data URIs; "folder" writes them, shrunk to
            2048 pixels, into the folder NAME-images next to the tasks, for Label Studio's local file serving.
        document_root: the folder from which Label Studio serves files (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT); None is
            the folder of `out`.

    Returns:
        The files and folders that were written.

    Raises:
        BadInput: `out` does not end in .json or cannot be written, `images` is unknown, the images would be outside the
            document root, or a class name cannot be written in the configuration.
    """
    if out.suffix != ".json":
        raise BadInput(f"out={out} must end in .json")
    if images not in IMAGES:
        raise BadInput(f"images={images!r} must be one of {', '.join(IMAGES)}{nearest(images, IMAGES)}")
    pictures = out.with_name(f"{out.stem}-images")
    config = configuration(queue.data)
    served = _served(pictures, document_root) if images == "folder" else None
    with whole_folder(out.parent) as temporary:
        (temporary / out.with_suffix(".xml").name).write_text(config, encoding="utf-8")
        made = _tasks(queue, temporary / pictures.name, served)
        (temporary / out.name).write_text(to_json(made), encoding="utf-8")
        check_new(temporary, out.parent)
        return [out.parent / entry.name for entry in sorted(temporary.iterdir())]


def configuration(data: Dataset) -> str:
    """The labelling interface as XML: the row, the audit's note on it, and a choice of all classes.

    More than 20 classes become a searchable list. A class name with a dollar sign, which Label Studio would read as a
    variable, is shown with a full-width one and exported unchanged.

    Raises:
        BadInput: a class name is empty or has a character that XML does not allow.
    """
    field, tag = _field(data), {"image": "Image", "text": "Text", "columns": "Table"}[_field(data)]
    layout = "select" if len(data.classes) > SHOWN_INLINE else "inline"
    choices = "".join(f"    {_choice(name)}\n" for name in data.classes)
    return (
        f'<View>\n  <Header value="$note"/>\n  <{tag} name="{OBJECT}" value="${field}"/>\n'
        f'  <Choices name="{CONTROL}" toName="{OBJECT}" choice="single" required="true" layout="{layout}">\n'
        f"{choices}  </Choices>\n</View>\n"
    )


def labels(tasks: Sequence[Any]) -> list[tuple[int, str]]:
    """The annotators' choices: (index, class name) per reviewed row, in the order of annotation.

    Both the JSON export (tasks with `annotations`) and JSON-MIN (one record per annotation) are read. Cancelled and
    empty annotations are ignored. With several annotators the majority decides.

    Args:
        tasks: the content of the exported file.

    Raises:
        BadInput: a task that was not written by `noisewise review`, an annotation with several classes, tied
            annotators, or no task annotated through the control `label`.
    """
    votes: dict[int, Counter[str]] = {}
    made = [vote for at, task in enumerate(tasks) for vote in _votes(at, task)]
    for _, index, label in sorted(made, key=lambda vote: vote[0]):
        votes.setdefault(index, Counter())[label] += 1
    if tasks and not votes:
        raise BadInput(f"none of the {len(tasks)} tasks of Label Studio has an annotation by the control {CONTROL!r}")
    return [(index, _majority(index, counts)) for index, counts in votes.items()]


def _tasks(queue: Queue, pictures: Path, served: str | None) -> list[dict[str, Any]]:
    known = cells(queue.data, queue.positions)
    field = _field(queue.data)
    if field == "image" and served is not None:
        pictures.mkdir()
    tasks = []
    for row, position, texts in zip(queue.records, queue.positions, known, strict=True):
        content: Any = texts
        if field == "image":
            content = _image(queue.data, int(position), f"{row['index']}", pictures, served)
        elif field == "text":
            content = next(iter(texts.values()))
        tasks.append(_task(row, {field: content}))
    return tasks


def _task(row: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    names = list(row)[: list(row).index("given")]  # the index, and what else the row is called
    known = {name: row[name] for name in (*names, "given", "suggested", "suspicion")}
    note = f"Given: {row['given']}. Suggested: {row['suggested']}. Suspicion: {row['suspicion']:.2f}."
    chosen = {
        "from_name": CONTROL,
        "to_name": OBJECT,
        "type": "choices",
        "value": {"choices": [row["suggested"]]},
    }
    prediction = {"model_version": "noisewise", "score": 1 - row["unsure"], "result": [chosen]}
    return {"data": {**known, "expected_gain": row["gain"], "note": note, **content}, "predictions": [prediction]}


def _image(data: Dataset, position: int, name: str, pictures: Path, served: str | None) -> str:
    content, suffix = picture(data, position, EMBEDDED_EDGE if served is None else FILE_EDGE)
    if served is None:
        kind = "png" if suffix == ".png" else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    (pictures / (name + suffix)).write_bytes(content)
    return f"{SERVED}{quote(served)}/{name}{suffix}"


def _served(pictures: Path, document_root: str | Path | None) -> str:
    root = Path(document_root if document_root is not None else pictures.parent).resolve()
    try:
        return pictures.resolve().relative_to(root).as_posix()
    except ValueError as error:
        raise BadInput(f"document_root={document_root} must hold the folder of images, {pictures}") from error


def _field(data: Dataset) -> str:
    if data.kind == "image":
        return "image"
    return "text" if data.described is not None and data.described.shape[1] == 1 else "columns"


def _choice(name: str) -> str:
    if not name:
        raise BadInput("a class name is empty, which Label Studio cannot offer as a choice")
    if NO_XML.search(name):
        raise BadInput(f"class name {name!r} has a character that Label Studio's configuration (XML) does not allow")
    if "$" in name:
        return f"<Choice value={_attribute(name.replace('$', '＄'))} alias={_attribute(name)}/>"
    return f"<Choice value={_attribute(name)}/>"


def _attribute(text: str) -> str:
    return quoteattr(text, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _votes(at: int, task: Any) -> Iterator[tuple[str, int, str]]:
    """(time, index, class name) of every annotation of a task, or of the one in a JSON-MIN record."""
    data = task.get("data", task) if isinstance(task, dict) else None
    index = data.get("index") if isinstance(data, dict) else None
    if not isinstance(index, int) or isinstance(index, bool):
        raise BadInput(
            f"task {at + 1} of Label Studio has no row index in its data: annotate the tasks that `noisewise review` "
            "wrote"
        )
    if "data" not in task:
        yield from ((str(task.get("created_at", "")), index, label) for label in _single(index, task.get(CONTROL)))
        return
    for annotation in _objects(task.get("annotations")):
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            continue
        for result in _objects(annotation.get("result")):
            if result.get("from_name") == CONTROL and result.get("type") == "choices":
                when = str(annotation.get("created_at", ""))
                yield from ((when, index, label) for label in _single(index, result.get("value")))


def _objects(content: Any) -> list[dict[str, Any]]:
    return [entry for entry in content if isinstance(entry, dict)] if isinstance(content, list) else []


def _single(index: int, value: Any) -> list[str]:
    """The one class that was chosen, or nothing."""
    chosen = value.get("choices", []) if isinstance(value, dict) else [] if value is None else value
    chosen = [chosen] if isinstance(chosen, str) else chosen
    if not isinstance(chosen, list) or len(chosen) > 1:
        raise BadInput(f"the row with index {index} was given several classes by one annotator in Label Studio")
    return [str(label) for label in chosen]


def _majority(index: int, counts: Counter[str]) -> str:
    (first, most), *others = counts.most_common()
    if others and others[0][1] == most:
        raise BadInput(
            f"the annotators of the row with index {index} are tied between {first!r} and {others[0][0]!r}: settle it "
            "in Label Studio and export again"
        )
    return first
