import pytest

from wail.errors import DatasetError
from wail.steps.plan import read_items


@pytest.mark.parametrize("content", [b'[\n {\n  "uri": "/a', b"\xff\xfe", b"{}", b'[{"uri": 5}]'])
def test_a_damaged_list_of_sources_is_named_with_the_way_out(tmp_path, content):
    (tmp_path / "sources.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"sources\.json is damaged \(.*delete it, and give all"):
        read_items(tmp_path)
