import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.arrow import field, flat, list_column, schema, to_table
from schemas.tables import LANDMARKS, TABLES

THING = schema("thing", 3, [field("a", pa.int32(), "an a", unit="px"), field("b", pa.string(), "a b", null=True)])


def test_rows_come_back_as_they_went_in():
    rows = [{"a": 1, "b": None}, {"a": 2, "b": "x"}]
    assert to_table(rows, THING).to_pylist() == rows


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"a": 1, "b": "x", "c": 2}, "unknown columns ['c']"),
        ({"a": 1}, "missing columns ['b']"),
        ({"a": None, "b": "x"}, "column a: 1 nulls"),
    ],
)
def test_an_unknown_missing_or_null_value_is_refused_by_name(row, says):
    with pytest.raises(ValueError, match="table thing") as error:
        to_table([row], THING)
    assert says in str(error.value)


def test_unit_shape_and_version_survive_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(to_table([{"a": 1, "b": "x"}], THING), path)
    read = pq.read_table(path).schema
    assert read.metadata[b"wail.version"] == b"3"
    assert read.field("a").metadata[b"unit"] == b"px"


@pytest.mark.parametrize("name", TABLES)
def test_every_column_says_what_it_means_and_lists_their_shape(name):
    for column in TABLES[name]:
        assert column.metadata[b"meaning"], column.name
        if pa.types.is_list(column.type) and column.name != "labels":
            assert column.metadata[b"shape"], column.name


@pytest.mark.parametrize("n", [0, 1, 3])
def test_an_array_becomes_a_column_of_lists_and_comes_back(n):
    values = np.arange(4 * n, dtype=np.float64).reshape(n, 4)
    column = list_column(values)
    assert column.to_pylist() == values.tolist() and column.type == LANDMARKS.field("xy_px").type
    assert flat(pa.chunked_array([column])).tolist() == values.ravel().tolist()
