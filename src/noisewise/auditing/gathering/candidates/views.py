"""Views: the rows as numbers that candidates learn from, each made when the first candidate needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata

from noisewise.auditing.gathering.candidates.predictor import Task
from noisewise.auditing.gathering.engines import suited
from noisewise.auditing.progress import Progress
from noisewise.auditing.rows.visual_features import visual_features
from noisewise.data import Dataset
from noisewise.data.columns.words import DIRECTIONS
from noisewise.data.features import matrix
from noisewise.data.images.files import LARGEST, own_size
from noisewise.errors import BadInput

EMBEDDED = 0.015  # seconds per image on one core
PACKAGED_WIDTH, VISUAL_WIDTH, WORDS_WIDTH = 1280, 192, 1500


@dataclass(frozen=True, eq=False)
class View:
    """One way to see the rows.

    Attributes:
        name: of the view, which is part of the names of its candidates.
        make: its values: (n, d) numbers or a sparse matrix; for networks, the data set itself.
        width: d, or an estimate where it is not known beforehand, for counting costs.
        cost: of making it, in counted seconds on one core.
        required: whether it is made whatever it costs, outside any budget.
        by_row: whether a row is seen alike whatever the others are.
    """

    name: str
    make: Callable[[Task, Progress], Any]
    width: Callable[[Task], int]
    cost: Callable[[Task], float] = lambda task: 0.0
    required: Callable[[Task], bool] = lambda task: False
    by_row: bool = False


def columns(task: Task, progress: Progress) -> np.ndarray:
    """(n, d) columns of a table, scaled vectors, or flattened images; words along at most 64 directions."""
    return np.asarray(matrix(task.data, for_="trees"), dtype=np.float32)


def ranks(task: Task, progress: Progress) -> np.ndarray:
    """(n, d) the normal quantiles of the ranks of each column: no value lies far from all others."""
    return norm.ppf((rankdata(columns(task, progress), axis=0) - 0.5) / len(task)).astype(np.float32)


def words(task: Task, progress: Progress) -> Any:
    """(n, d) sparse TF-IDF weights of words, computed from all texts, without labels; beside the columns of a table."""
    return matrix(task.data, for_="linear")


def inputs(task: Task, progress: Progress) -> Any:
    """(n, d) inputs as they are, or the weights of a text's words."""
    return words(task, progress) if task.data.kind == "text" else np.asarray(task.data.inputs[:]).reshape(len(task), -1)


def embeddings(task: Task, progress: Progress) -> np.ndarray:
    """(n, d) float32 embeddings by the plan's encoder or the packaged one."""
    from noisewise.data.embeddings.embed import PIECE, embed

    device = task.plan.config.torch_device
    engine = task.engine or suited(EMBEDDED * len(task), -(-len(task) // PIECE), device)
    return embed(task.data, task.plan.embed, device=device, on_progress=progress, engine=engine)


def _visual(task: Task, progress: Progress) -> np.ndarray:
    return visual_features(task.data)


def _given(task: Task, progress: Progress) -> Any:
    return task.features


def _inputs_width(task: Task) -> int:
    return int(np.prod(task.data.shape))


def _embedding_cost(task: Task) -> float:
    return EMBEDDED * len(task)


def _embedding_is_required(task: Task) -> bool:
    return task.plan.embed is not None or is_photographs(task.data)


COLUMNS = View("columns", columns, _inputs_width)
RANKS = View("ranks", ranks, _inputs_width)
INPUTS = View("inputs", inputs, _inputs_width)
WORDS = View("words", words, lambda task: WORDS_WIDTH)
COLUMNS_AND_WORDS = View("columns and words", words, lambda task: WORDS_WIDTH)
WORD_DIRECTIONS = View("directions of words", columns, lambda task: DIRECTIONS)
EMBEDDINGS = View("embeddings", embeddings, lambda task: PACKAGED_WIDTH, _embedding_cost, _embedding_is_required, True)
VISUAL = View("visual features", _visual, lambda task: VISUAL_WIDTH)
FEATURES = View("features", _given, lambda task: 0 if task.features is None else task.features.shape[1], by_row=True)
ROWS = View("rows", lambda task, progress: task.data, _inputs_width)


def is_photographs(data: Dataset) -> bool:
    """Whether the rows are images of more than 64 pixels on the shorter side."""
    return data.kind == "image" and min(own_size(data.inputs)) > LARGEST


def views_of(task: Task) -> list[View]:
    """The views of the rows: given features alone; else what the kind of data has.

    Raises:
        BadInput: the plan names an encoder of texts or images, and the rows are neither.
    """
    if task.features is not None:
        return [FEATURES]
    if task.data.kind == "image":
        return [EMBEDDINGS, *([] if is_photographs(task.data) else [VISUAL]), ROWS]
    if task.data.kind == "text":
        return [*([] if task.plan.embed is None else [EMBEDDINGS]), WORDS, WORD_DIRECTIONS, ROWS]
    if task.plan.embed is not None:
        said = f"is for texts and images, but {task.data.name} is a {task.data.kind}"
        raise BadInput(f"embed={task.plan.embed!r} {said}; --text COL reads a column of texts alone")
    return [COLUMNS, RANKS, *([COLUMNS_AND_WORDS] if _has_words(task.data) else []), ROWS]


def _has_words(data: Dataset) -> bool:
    return any(column.used and not column.width for column in data.columns)


def view_of_named(task: Task, model: Any) -> View:
    """The view that a classifier named by the plan, or a classifier that was passed in, learns from."""
    if task.features is not None:
        return FEATURES
    if task.plan.embed is not None:
        return EMBEDDINGS
    if not isinstance(model, str):
        return INPUTS
    if model != "linear":
        return COLUMNS
    return WORDS if task.data.kind == "text" else COLUMNS_AND_WORDS if _has_words(task.data) else COLUMNS
