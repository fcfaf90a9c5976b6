"""JSON: what UTF-8 lacks, what counts as written."""

import pytest

from noisewise.files import is_whole, to_json, write_json


def test_json_of_characters_that_utf8_lacks():
    assert to_json({"a": "\udce9é"}) == '{\n  "a": "\\udce9é"\n}\n'
    assert to_json("é", plain=True) == '"\\u00e9"\n'


def test_only_an_object_counts_as_written(tmp_path):
    assert not is_whole(tmp_path / "a.json")
    write_json(tmp_path / "a.json", {"n": 1})
    assert is_whole(tmp_path / "a.json")


@pytest.mark.parametrize("damaged", ["", '{"n": 1', "[1]", "[" * 100_000, b"\xff"])
def test_a_damaged_file_counts_as_not_written(tmp_path, damaged):
    content = damaged if isinstance(damaged, bytes) else damaged.encode()
    (tmp_path / "a.json").write_bytes(content)
    assert not is_whole(tmp_path / "a.json")
