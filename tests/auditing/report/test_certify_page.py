"""The mode "certify" of the page: the drawn rows that it holds, and that its script is tied to the page."""

import numpy as np
import pytest

from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.report.page import render
from noisewise.auditing.report.shown import DRAWN, shown
from noisewise.data.dataset import Dataset


@pytest.fixture(scope="module")
def found():
    """500 images, the first 100 of which are suspect."""
    random = np.random.default_rng(0)
    n = 500
    images = random.integers(0, 256, (n, 6, 6, 1), dtype=np.uint8)
    suspicion = np.where(np.arange(n) < 100, 0.6, 0.1) + 0.3 * random.random(n)
    data = Dataset(images, random.integers(0, 2, n), ("a", "b"), kind="image", index=np.arange(n) * 2 + 1)
    issue = suspicion > 0.5
    suggested = np.where(issue, 1 - data.given, data.given)
    return Findings(data, Judgement(suspicion, suggested, issue, 0.2, (0.1, 0.3), np.eye(2)))


def test_the_page_draws_the_rows_that_the_file_names(found):
    drawn = shown(found, 50)["drawn"]
    sample = found.sample
    assert drawn["index"] == sample["index"][:DRAWN].tolist()
    assert drawn["suspicions"] == sample["suspicion"][:DRAWN].tolist()
    assert drawn["order"] == "".join(map(str, sample["stratum"]))
    assert drawn["rows"] == sum(rows for rows, _, _ in drawn["strata"]) == 500
    assert [issues for _, issues, _ in drawn["strata"]] == sorted(issues for _, issues, _ in drawn["strata"])


def test_every_drawn_row_is_on_the_page_once(found):
    content = shown(found, 50)
    suspects = [row["index"] for row in content["rows"]]
    others = [row["index"] for row in content["drawn"]["others"]]
    assert len({*suspects, *others}) == len(suspects) + len(others)
    assert set(content["drawn"]["index"]) <= {*suspects, *others}
    assert set(others) <= set(content["drawn"]["index"])
    assert all(row["image"].startswith("data:image/png") for row in content["drawn"]["others"])


def test_small_data_is_drawn_whole():
    data = Dataset(np.zeros((3, 2), np.float32), np.array([0, 1, 0]), ("a", "b"))
    found = Findings(data, Judgement(np.zeros(3), data.given, np.zeros(3, bool), 0.0, (0.0, 0.1), np.eye(2)))
    content = shown(found, 10)
    assert sorted(content["drawn"]["index"]) == [0, 1, 2]
    assert content["drawn"]["others"] == []


def test_the_mode_starts_hidden_and_says_the_estimate_of_the_audit(found):
    page = render(found)
    assert '<section id="certify" aria-labelledby="certify-title" hidden>' in page
    assert 'data-rate="0.200000"' in page
