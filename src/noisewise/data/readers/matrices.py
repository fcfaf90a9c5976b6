"""Reader of large matrices of numbers: `.npy` files are memory-mapped, Parquet files are read by row groups."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types
from pyarrow import parquet

from noisewise.data.readers.frames import read_frame, table_suffix
from noisewise.data.readers.npy import read_npy
from noisewise.data.reading import DEFAULT
from noisewise.doors import parsing, regular
from noisewise.errors import BadInput

HELD = 2**26  # 67 million numbers: 512 MiB of float64


def read_matrix(path: str | Path, what: str = "matrix") -> np.ndarray:
    """Read a matrix (n, d), memory-mapped if it is large.

    A `.npy` file is always mapped. In a Parquet file, each column is a column of the matrix, or the only column holds
    lists of equal length. Up to 67 million numbers are held in memory; more are unpacked, row group by row group, to a
    temporary `.npy` file, which is mapped and removed when the program ends. Numbers are float32 if all numbers in the
    file are, else float64.

    Args:
        path: the file.
        what: name of the matrix in error messages.

    Raises:
        BadInput: the file cannot be read, is empty, has missing values or values that are not numbers, or has lists
            of different lengths.
    """
    path = Path(path)
    return _from_parquet(path, what) if path.suffix.lower() == ".parquet" else _from_npy(path, what)


def read_numbers(path: str | Path, what: str) -> np.ndarray:
    """The float64 numbers in a `.npy` file, or in a `.csv` file without a line of names.

    Args:
        path: the file.
        what: name of the matrix in error messages.

    Raises:
        BadInput: the file does not exist, is of another kind, or contains something other than numbers.
    """
    path = regular(path, what)
    if path.suffix == ".npy":
        found = read_npy(path, what)
        if found.dtype.kind not in "biuf":
            raise BadInput(f"{what} {str(path)!r} does not hold a table of numbers, but {found.dtype}")
        return found.astype(np.float64)
    if path.suffix == ".csv":
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
            return np.array([line.split(",") for line in lines if line.strip()], dtype=np.float64)
        except ValueError as error:
            raise BadInput(f"{what} {str(path)!r} does not hold a table of numbers") from error
    raise BadInput(f"{what} {str(path)!r} must be a .npy or a .csv file")


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix of another tool, with the names of its columns and rows where it has them.

    Attributes:
        values: (n, d) numbers.
        columns: d names of the columns; None where they have none.
        texts: (n,) columns of text, by name, which may say which row is which.
    """

    values: np.ndarray
    columns: tuple[str, ...] | None = None
    texts: Mapping[str, pd.Series] = field(default_factory=dict)

    @classmethod
    def fits(cls, value: Any) -> bool:
        """Whether `of` makes a matrix of a value: it has two axes."""
        return isinstance(value, cls) or (hasattr(value, "shape") and len(value.shape) == 2)

    @classmethod
    def of(cls, value: Any) -> Matrix:
        """A matrix of an array, a tensor or a frame, whose index may name its rows.

        Args:
            value: the matrix.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, pd.DataFrame):
            return _of_frame(value)
        return cls(np.asarray(value.detach().cpu() if hasattr(value, "detach") else value))


def read_given(path: str | Path, what: str = "matrix") -> Matrix:
    """Read a matrix from `.npy` (see `read_matrix`), or from a table, whose columns may be named and name rows.

    Args:
        path: the file: `.npy`, `.parquet`, or another file of a table, such as `.csv`.
        what: name of the matrix in error messages.

    Raises:
        BadInput: the file cannot be read, or misses a number.
    """
    path = regular(Path(path), what)
    suffix = table_suffix(path)
    if suffix is None:
        return Matrix(read_matrix(path, what))
    if suffix == ".parquet":
        with parsing(path):
            schema = parquet.read_schema(path, memory_map=True)
        if all(_is_number(part.type) or _is_list(part.type) for part in schema):
            return Matrix(read_matrix(path, what), tuple(schema.names) if len(schema) > 1 else None)
    found = _of_frame(read_frame(path, DEFAULT, lambda name: False)[0])
    missing = ~np.isfinite(found.values).all(axis=0)
    if missing.any():
        name = (found.columns or ())[int(missing.argmax())]
        raise BadInput(f"cannot read {what} {path}: the column {name!r} misses a number")
    return found


def _of_frame(frame: pd.DataFrame) -> Matrix:
    """The matrix of a frame; an index without a name is called `index`, unless a column is."""
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    texts: dict[str, pd.Series] = {}
    if not isinstance(frame.index, pd.RangeIndex):
        unnamed = frame.index.nlevels == 1 and frame.index.name is None
        if unnamed and "index" not in frame:
            texts["index"] = pd.Series(frame.index)
        frame = frame.reset_index(drop=unnamed)
    numbers = [name for name in frame.columns if types.is_numeric_dtype(frame[name])]
    texts |= {str(name): frame[name] for name in frame.columns if name not in numbers}
    return Matrix(frame[numbers].to_numpy(dtype=np.float64), tuple(numbers), texts)


def _from_npy(path: Path, what: str) -> np.ndarray:
    found = read_npy(path, what, mapped=True)
    if found.dtype.kind not in "fiu":
        raise BadInput(f"cannot read {what} {path}: it must hold one array of numbers (save it with numpy.save)")
    return found


def _from_parquet(path: Path, what: str) -> np.ndarray:
    where = f"{what} {regular(path, what)}"
    with parsing(where), parquet.ParquetFile(path, memory_map=True) as file:
        return _unpack(file, where)


def _unpack(file: parquet.ParquetFile, where: str) -> np.ndarray:
    schema, rows = file.schema_arrow, file.metadata.num_rows
    if not rows or not len(schema):
        raise BadInput(f"cannot read {where}: it holds no rows")
    for part in schema:
        inner = part.type.value_type if _is_list(part.type) else part.type
        if (_is_list(part.type) and len(schema) > 1) or not _is_number(inner):
            raise BadInput(
                f"cannot read {where}: the column {part.name!r} holds {part.type}, "
                "but every column must hold numbers, or the only one lists of numbers"
            )
    found, start = None, 0
    for group in range(file.num_row_groups):
        for batch in file.iter_batches(batch_size=2**16, row_groups=[group]):
            part = _matrix(batch, where, start)
            if found is None:
                found = _empty((rows, part.shape[1]), _dtype(schema))
            if part.shape[1] != found.shape[1]:
                raise BadInput(
                    f"cannot read {where}: rows have {found.shape[1]} and {part.shape[1]} numbers, but all must have "
                    "the same"
                )
            found[start : start + len(part)] = part
            start += len(part)
    assert found is not None  # there are rows
    return found


def _matrix(batch: pa.RecordBatch, where: str, start: int) -> np.ndarray:
    if any(column.null_count for column in batch.columns):
        name = next(n for n, column in zip(batch.schema.names, batch.columns, strict=True) if column.null_count)
        raise BadInput(f"cannot read {where}: the column {name!r} misses a number in the rows from {start}")
    first = batch.columns[0]
    if not _is_list(first.type):
        return np.stack([column.to_numpy(zero_copy_only=False) for column in batch.columns], axis=1)
    numbers = first.flatten()
    if numbers.null_count or len(numbers) % len(first) or len(set(first.value_lengths().to_pylist())) > 1:
        raise BadInput(f"cannot read {where}: lists in the rows from {start} differ in length or miss a number")
    return np.asarray(numbers.to_numpy(zero_copy_only=False).reshape(len(first), -1))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _dtype(schema: pa.Schema) -> type:
    kinds = {part.type.value_type if _is_list(part.type) else part.type for part in schema}
    small = all(pa.types.is_float32(kind) or pa.types.is_float16(kind) for kind in kinds)
    return np.float32 if small else np.float64


def _empty(shape: tuple[int, int], dtype: type) -> np.ndarray:
    if shape[0] * shape[1] <= HELD:
        return np.empty(shape, dtype)
    folder = Path(tempfile.mkdtemp(prefix="noisewise-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if shutil.disk_usage(folder).free < shape[0] * shape[1] * np.dtype(dtype).itemsize:
        numbers = f"{shape[0]:,} x {shape[1]:,} numbers"
        raise BadInput(f"{folder.parent} has no room to unpack {numbers}: set TMPDIR to another folder")
    return np.lib.format.open_memmap(folder / "matrix.npy", "w+", dtype, shape)
