"""Tables with values that no format has room for."""

import json

import pytest

import noisewise as nw
from noisewise.data.save import save
from noisewise.errors import BadInput


def table(path, label="ab", **more):
    rows = (
        {"a": i * 1.3 % 1, "label": label[i % 2], **{name: value(i) for name, value in more.items()}} for i in range(40)
    )
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize("digits", [20, 400])
@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".csv"])
def test_whole_numbers_beyond_64_bits_are_kept(tmp_path, digits, suffix):
    data = nw.load(table(tmp_path / "t.jsonl", e=lambda i: 10**digits + i % 3))
    found = nw.load(save(nw.corrupt(data, "symmetric:0.1"), tmp_path / f"n{suffix}"))
    assert [int(value) for value in found.described["e"][:3]] == [10**digits + i for i in range(3)]


def test_a_label_may_have_thousands_of_digits_or_letters_but_is_refused(tmp_path):
    for label in (["9" * 5000, "1"], ["a" * 1_000_000, "b"]):
        with pytest.raises(BadInput, match=r"has a label of .* characters"):
            nw.load(table(tmp_path / "t.jsonl", label))


def test_saved_images_of_an_impossible_size(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    head = {"kind": "image", "names": {"": "x"}, "provenance": {"": []}, "labels": "label", "classes": ["a", "b"]}
    content = pa.table({"file": ["x.png"] * 4, "label": list("abab")})
    head["shape"] = [10**9, 10**9, 3]
    parquet.write_table(content.replace_schema_metadata({"noisewise": json.dumps(head)}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="are too large"):
        nw.load(tmp_path / "x.parquet")


def test_text_that_is_no_utf8(tmp_path):
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as parquet

    ends = pa.py_buffer(np.arange(5, dtype=np.int32))
    broken = pa.Array.from_buffers(pa.string(), 4, [None, ends, pa.py_buffer(b"\xff" * 4)])
    parquet.write_table(pa.table({"a": broken, "b": [1.5, 2, 0, 7], "label": list("abab")}), tmp_path / "t.parquet")
    with pytest.raises(BadInput, match=r"cannot read .*t\.parquet as Parquet"):
        nw.load(tmp_path / "t.parquet")


def test_json_of_characters_that_no_frame_holds(tmp_path):
    path = table(tmp_path / "t.json", e=lambda i: "\ud800")
    path.write_text(f"[{','.join(path.read_text(encoding='utf-8').splitlines())}]", encoding="utf-8")
    with pytest.raises(BadInput, match=r"cannot read .*t\.json as JSON"):
        nw.load(path)
