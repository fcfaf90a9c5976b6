"""Warnings and notes: the same on the terminal, in summary.md and on the page."""

import html
import json
import random
import re


def test_what_stands_on_the_page_stands_in_the_markdown_summary_and_on_the_terminal(run, tmp_path):
    draw = random.Random(1)
    labels = draw.choices(["Cat", "cat", "dog"], k=160)
    cells = [(draw.randint(0, 99), -9999 if at % 17 == 0 else draw.randint(0, 900), labels[at]) for at in range(160)]
    lines = [f"r{at};{height},5;{width};Gr\u00f6\u00dfe;{name}" for at, (height, width, name) in enumerate(cells)]
    text = "\r\n".join(["# by hand", "id;height;width;note;label", *lines, ""])
    (tmp_path / "t.csv").write_bytes(text.encode("cp1252"))
    ended = run("audit", tmp_path / "t.csv", "--labels", "label", "--budget", "quick", "--out", tmp_path / "a")
    assert ended.code == 0, ended.err
    told = json.loads((tmp_path / "a" / "summary.json").read_text())
    assert told["weak"]
    wanted = [told["weak"], *told["notes"], "identifier: id", "constant: note", "-9999"]
    assert len(told["notes"]) == 3
    page = html.unescape(re.sub("<[^>]*>", "", (tmp_path / "a" / "report.html").read_text()))
    for where in (ended.out, (tmp_path / "a" / "summary.md").read_text().replace("\\", ""), page):
        plain = " ".join(where.replace("\u00a0", " ").split()).lower()
        assert [one for one in wanted if one.lower() not in plain] == []
    besides = f"{told['conditions']['duplicate']} duplicate"
    assert (besides in ended.out, besides in (tmp_path / "a" / "summary.md").read_text()) == (True, True)
