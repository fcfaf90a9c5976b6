"""`noisewise audit --detectors`, and the example on the page of detectors."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
QUICK = ("--rows", "200", "--epochs", "1", "--model", "mlp:widths=16")


def test_an_audit_with_named_detectors(run, tmp_path):
    ended = run("audit", "digits", *QUICK, "--detectors", "tracin,knn", "--out", str(tmp_path / "a"))
    assert ended.code == 0, ended.err
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert "tracin" in page
    assert "forgetting" not in page


@pytest.mark.parametrize(("names", "hint"), [("tracinn", "did you mean 'tracin'"), ("", "names no detector")])
def test_an_unknown_detector_is_one_sentence(run, tmp_path, names, hint):
    ended = run("audit", "digits", *QUICK, "--detectors", names, "--out", str(tmp_path / "a"))
    assert ended.code == 2
    assert hint in ended.err
    assert not (tmp_path / "a").exists()


def test_the_pages_example_runs():
    text = (DOCS / "detectors.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code
    names: dict = {}
    exec(code[1], names)
    wrong = names["noisy"].given != names["noisy"].truth
    assert wrong[names["most_suspect"]].mean() > 0.9
    assert set(names["found"].scores) == {"knn-shapley", "aum"}
