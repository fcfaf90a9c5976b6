"""Reader of large matrices of numbers: `.npy` files are memory-mapped, Parquet files are read by row groups."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from noisewise.data.readers.npy import read_npy
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
    return _from_parquet(path, what) if path.suffix == ".parquet" else _from_npy(path, what)


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


def column_names(path: str | Path) -> tuple[str, ...] | None:
    """The names of the columns of a Parquet file with a number per column; None of any other file."""
    path = Path(path)
    if path.suffix != ".parquet":
        return None
    with parsing(path):
        schema = parquet.read_schema(regular(path), memory_map=True)
    return tuple(schema.names) if len(schema) > 1 else None


def in_class_order(table: np.ndarray, names: Sequence[str] | None, classes: Sequence[str]) -> np.ndarray:
    """(n, K) columns in the order of the classes, if they are called as the classes are; else the table as it is.

    Args:
        table: (n, K).
        names: of its columns; None if they have none.
        classes: K class names.
    """
    if names is None or sorted(names) != sorted(classes) or tuple(names) == tuple(classes):
        return table
    return table[:, [list(names).index(name) for name in classes]]


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
    for field in schema:
        inner = field.type.value_type if _is_list(field.type) else field.type
        if (_is_list(field.type) and len(schema) > 1) or not _is_number(inner):
            raise BadInput(
                f"cannot read {where}: the column {field.name!r} holds {field.type}, "
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
    kinds = {field.type.value_type if _is_list(field.type) else field.type for field in schema}
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
