"""Charts: what the bars, dots and numbers of the report say."""

import re

import numpy as np

from noisewise.auditing.report import charts


def words(page):
    return " ".join(re.sub("<[^>]*>", " ", page).split())


def test_histogram_counts_every_row():
    suspicion = np.random.default_rng(0).random(1000)
    titles = re.findall(r"<title>([\d,]+)\s+rows?, suspicion", charts.histogram(suspicion, 0.5))
    assert sum(int(title.replace(",", "")) for title in titles) == 1000


def test_reliability_lies_on_the_diagonal_for_probabilities():
    suspicion = np.repeat([0.05, 0.95], 100)
    wrong = np.r_[np.arange(100) < 5, np.arange(100) < 95]
    titles = re.findall(r"suspicion ([\d.]+): ([\d.]+)\s%", charts.reliability(suspicion, wrong))
    assert titles == [("0.050", "5.0"), ("0.950", "95.0")]


def test_class_bars_are_the_noisiest_first():
    page = charts.class_bars(np.array([0, 0, 1, 1, 3]), np.array([0.1, 0.3, 0.8, 1.0, 0.5]), ("a", "b", "c", "d"))
    assert words(page) == "0 50.0 % 100.0 % wrong b 90.0 % of 2 d 50.0 % of 1 a 20.0 % of 2"
    assert re.findall('rect width="([^"]*)"', page) == ["90.00", "50.00", "20.00"]


def test_class_bars_of_little_noise_share_a_round_scale():
    page = charts.class_bars(np.array([0, 0, 1, 1]), np.array([0.02, 0.06, 0.0, 0.02]), ("a", "b"))
    assert re.findall('rect width="([^"]*)"', page) == ["80.00", "20.00"]
    assert words(page).startswith("0 2.5 % 5.0 % wrong")


def test_detectors_are_measured():
    issues = np.array([True, True, False, False])
    scores = {"good": np.array([4, 3, 2, 1.0]), "bad": np.arange(4.0)}
    text = words(charts.detectors(scores, issues, issues))
    assert re.findall(r"(good|bad) ([\d.]+)\s% ([\d.]+)", text) == [("good", "100.0", "1.000"), ("bad", "0.0", "0.000")]
