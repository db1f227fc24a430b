"""Parquet files as rows of numpy arrays, with errors that name file, take and column."""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wail.errors import DatasetError

AGAIN = "run `wail curate` again"


def metadata(path: Path, table_schema: pa.Schema, key: str, remedy: str) -> dict[str, Any]:
    """The JSON under `key` of the schema's metadata; `remedy` ends the error where there is none."""
    try:
        meta: dict[str, Any] = json.loads((table_schema.metadata or {})[key.encode()])
    except (KeyError, ValueError) as error:
        raise DatasetError(f"{path}: schema metadata has no readable {key}; {remedy}") from error
    return meta


def schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DatasetError(f"{path} cannot be read as Parquet ({error}); delete it and {AGAIN}") from error


def read(path: Path, columns: list[str]) -> pa.Table:
    """Just these columns; a folder name like `split=train` adds none. Raises DatasetError where one is missing."""
    missing = [name for name in columns if name not in schema(path).names]
    if missing:
        raise DatasetError(f"{path} lacks columns {missing}: it was written by another version; {AGAIN}")
    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        raise DatasetError(f"{path} cannot be read as Parquet ({error}); delete it and {AGAIN}") from error


def rows(table: pa.Table, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Rows with lists as numpy arrays: `to_pylist` would make a Python float of every value."""
    data = {name: _column(table.column(name).combine_chunks()) for name in columns}
    for index in range(table.num_rows):
        yield {name: values[index] for name, values in data.items()}


def _column(column: Any) -> Sequence[Any]:
    array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    if not pa.types.is_list(array.type):
        return cast(list[Any], array.to_pylist())
    values, offsets = array.values.to_numpy(zero_copy_only=False), array.offsets.to_numpy()
    return [values[a:b] for a, b in itertools.pairwise(offsets)]


def check_finite(take: str, column: str, values: NDArray[Any]) -> None:
    """Raise DatasetError naming take, column and place of the first value that is NaN or infinite."""
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DatasetError(f"take {take}: column {column} has {len(bad)} values that are NaN or infinite, the first at "
                           f"{bad[0]}; drop the take in a review, or {AGAIN}")  # fmt: skip
