"""How a table is declared and built: one strict door, so that no unknown, missing or null value slips through."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def field(
    name: str, type_: pa.DataType, meaning: str, *, unit: str = "", shape: str = "", null: bool = False
) -> pa.Field:
    """One column, with what it means, its unit and (for lists) its shape in the field's metadata."""
    metadata = {"meaning": meaning, "unit": unit, "shape": shape}
    return pa.field(name, type_, nullable=null, metadata={k: v for k, v in metadata.items() if v})


def schema(name: str, version: int, fields: Iterable[pa.Field]) -> pa.Schema:
    """A table's schema; raise `version` whenever a column changes, so that older receipts no longer match."""
    return pa.schema(list(fields), metadata={"wail.table": name, "wail.version": str(version)})


def to_table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Build a table from rows that have exactly the schema's columns.

    pyarrow's own `from_pylist` drops unknown keys and turns a missing value into null without a word, so both are
    checked here. Raises ValueError naming table, row and column.
    """
    rows = list(rows)
    names = set(schema.names)
    table_name = (schema.metadata or {}).get(b"wail.table", b"?").decode()
    for index, row in enumerate(rows):
        if row.keys() != names:
            unknown, missing = sorted(row.keys() - names), sorted(names - row.keys())
            raise ValueError(f"table {table_name}, row {index}: unknown columns {unknown}, missing columns {missing}")
    table = pa.Table.from_pylist(rows, schema=schema)
    check_nulls(table)
    return table


def check_nulls(table: pa.Table) -> None:
    """Raise ValueError where a column that must not be null has a null in it."""
    table_name = (table.schema.metadata or {}).get(b"wail.table", b"?").decode()
    for column in table.schema:
        nulls = table.column(column.name).null_count
        if nulls and not column.nullable:
            raise ValueError(f"table {table_name}, column {column.name}: {nulls} nulls where none is allowed")


def list_column(values: NDArray[np.float32]) -> pa.Array:
    """A whole array [n, d] as a column of n lists of d: rows of Python floats would take ten times the memory."""
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    type_ = pa.list_(pa.field("item", pa.float32(), nullable=False))
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.asarray(values, np.float32).ravel()), type=type_)


def flat(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """All values of a column of lists, in one row [n * d]."""
    values: NDArray[np.float32] = column.combine_chunks().flatten().to_numpy()
    return values
