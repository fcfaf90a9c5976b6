"""The certificate: which decisions count, what it says, and what `review` and `decide` make of it."""

import numpy as np
import pandas as pd
import pytest

import noisewise as nw
from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.review.certify.certificate import certified, draw_weights, front
from noisewise.auditing.review.certify.sample import draw, read_sample
from noisewise.auditing.review.exchange.export import export_review
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput

N = 800
QUANTITIES = ("noise_rate", "precision", "recall", "remaining")


@pytest.fixture(scope="module")
def made():
    """(n,) wrong, suspicion and issues of a fair model."""
    random = np.random.default_rng(1)
    wrong = random.random(N) < 0.15
    odds = np.log(0.15 / 0.85) + 2.5 * random.normal(2.5 * wrong) - 3.125
    suspicion = 1 / (1 + np.exp(-odds))
    return wrong, suspicion, suspicion > 0.4


@pytest.fixture(scope="module")
def sample(made):
    _, suspicion, issue = made
    return draw(np.arange(N) * 3 + 7, suspicion, issue, seed=5)


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    wrong, suspicion, issue = made
    truth = np.zeros(N, dtype=int)
    data = Dataset(
        np.zeros((N, 2), np.float32), wrong.astype(int), ("a", "b", "c"), truth=truth, index=np.arange(N) * 3 + 7
    )
    suggested = np.where(issue, np.where(wrong, 0, 2), data.given)
    path = tmp_path_factory.mktemp("audit")
    metrics = {"true_noise_rate": data.noise_rate}
    Findings(data, Judgement(suspicion, suggested, issue, 0.1, (0.0, 0.2), np.eye(3), 0.4), metrics=metrics).save(path)
    return path


def truth_of(sample, made, length):
    return {int(index): bool(made[0][(index - 7) // 3]) for index in sample["index"][:length]}


def test_the_order_names_rows_and_their_strata(sample, made):
    _, suspicion, issue = made
    assert sample["order"].tolist() == list(range(N))
    rows = (sample["index"].to_numpy() - 7) // 3
    assert sorted(rows) == list(range(N))
    assert np.allclose(sample["suspicion"], suspicion[rows], atol=1e-6)
    assert (sample["stratum_issues"] == issue[rows]).all()
    strata = sample.groupby("stratum")
    assert (strata["stratum_rows"].first() == strata.size()).all()
    assert np.allclose(strata["stratum_suspicion"].first(), strata["suspicion"].mean())


def test_all_rows_reviewed_is_the_truth(sample, made):
    wrong, _, issue = made
    found = certified(sample, truth_of(sample, made, N), N)
    expected = [wrong.mean(), wrong[issue].mean(), wrong[issue].sum() / wrong.sum(), wrong[~issue].sum()]
    for name, value in zip(QUANTITIES, expected, strict=True):
        assert list(found[name].values()) == pytest.approx([value] * 3, abs=1e-5), name
    assert (found["reviews"], found["undecided"], found["more_for_two_points"]) == (N, 0, 0)


def test_more_reviews_narrow_the_intervals(sample, made):
    found = [certified(sample, truth_of(sample, made, length), N) for length in (20, 80, 320)]
    for name in ("noise_rate", "remaining"):
        widths = [one[name]["high"] - one[name]["low"] for one in found]
        assert widths == sorted(widths, reverse=True)
    more = [one["more_for_two_points"] for one in found]
    assert more == sorted(more, reverse=True)
    reached = certified(sample, truth_of(sample, made, 80 + more[1]), N)["noise_rate"]
    assert 0.01 < (reached["high"] - reached["low"]) / 2 < 0.03


def test_fewer_than_ten_decisions_say_nothing(sample, made):
    assert certified(sample, truth_of(sample, made, 9), N) == {}
    assert certified(sample, {}, N) == {}


def test_decisions_behind_the_front_do_not_count(sample, made):
    wrong = truth_of(sample, made, 40)
    more = {int(index): True for index in sample["index"][45:55]} | {-1: True}
    assert certified(sample, wrong | more, N)["reviews"] == 50
    assert certified(sample, wrong | {int(index): True for index in sample["index"][100:150]}, N) == certified(
        sample, wrong, N
    )


def test_the_end_of_the_front_does_not_depend_on_what_was_decided(sample, made):
    known = [int(index) for index in sample["index"][:60] if index % 4]
    ends = {len(front(sample, {index: bool(bit) for index in known})) for bit in (0, 1)}
    assert len(ends) == 1


def test_scattered_decisions_of_a_queue_do_not_widen_the_interval(sample, made):
    wrong = truth_of(sample, made, 60)
    queue = {int(index): True for index in sample["index"][60::4]}
    assert certified(sample, wrong | queue, N)["undecided"] <= 3


def test_rows_that_were_passed_over_count_as_the_worse_case(sample, made):
    wrong = truth_of(sample, made, 60)
    skipped = list(wrong)[20:26]
    whole = certified(sample, wrong, N)["noise_rate"]
    some = {index: value for index, value in wrong.items() if index not in skipped}
    found = certified(sample, some, N)
    assert (found["reviews"], found["undecided"]) == (54, 6)
    assert found["noise_rate"]["low"] <= whole["low"]
    assert found["noise_rate"]["high"] >= whole["high"]
    worst = certified(sample, some | dict.fromkeys(skipped, True), N)["noise_rate"]
    assert found["noise_rate"]["high"] == pytest.approx(worst["high"])


def test_weights_sum_to_the_rows(sample, made):
    weights = draw_weights(sample, truth_of(sample, made, 60))
    assert len(weights) == 60
    assert sum(weights.values()) == pytest.approx(N)


def test_nothing_named_and_all_named(made):
    wrong, suspicion, _ = made
    for flag in (False, True):
        sample = draw(np.arange(N), suspicion, np.full(N, flag), seed=0)
        found = certified(sample, {int(index): bool(wrong[index]) for index in sample["index"][:60]}, N)
        assert (found["precision"]["estimate"] is None) == (not flag)
        assert found["recall"]["estimate"] == float(flag)
        assert (found["remaining"]["estimate"] is None) == flag


def test_rows_that_were_reviewed_before_count_as_right(made):
    wrong, suspicion, issue = made
    before = np.arange(N) % 2 == 0
    sample = draw(np.arange(N), suspicion, issue, seed=0, reviewed=before)
    assert len(sample) == N // 2
    assert not before[sample["index"]].any()
    found = certified(sample, {int(index): bool(wrong[index]) for index in sample["index"]}, N)
    assert found["noise_rate"]["estimate"] == pytest.approx(wrong[~before].sum() / N)


def test_review_and_decide_draw_the_same_rows(folder, made, tmp_path):
    summary = export_review(folder, "csv", tmp_path / "sample.csv", purpose="rate")
    assert summary["rows"] == 60
    lines = pd.read_csv(tmp_path / "sample.csv", keep_default_na=False)
    assert lines["index"].tolist() == read_sample(folder)["index"][:60].tolist()
    assert "suspicion" not in lines
    wrong = made[0][(lines["index"] - 7) // 3]
    lines["decision"], lines["label"] = np.where(wrong, "relabel", "keep"), np.where(wrong, "a", "")
    lines.to_csv(tmp_path / "done.csv", index=False)
    data = nw.auditing.review.folder.original_data(folder)
    decided, summary = nw.decide(data, tmp_path / "done.csv", findings_folder=folder)
    found = summary["certified"]
    assert found["reviews"] == 60
    assert found["noise_rate"]["low"] < wrong.mean() < found["noise_rate"]["high"]
    assert found == decided.provenance[-1]["certified"]
    assert sum(decided.provenance[-1]["reviewed_rows"]["weight"]) == pytest.approx(N)
    again = export_review(
        folder, "csv", tmp_path / "more.csv", purpose="rate", decided=[tmp_path / "done.csv"], limit=9
    )
    assert again["rows"] == 9
    more = pd.read_csv(tmp_path / "more.csv")["index"].tolist()
    assert more == read_sample(folder)["index"][60:69].tolist()


def test_an_older_audit_has_no_order(folder, tmp_path):
    (tmp_path / "old").mkdir()
    for name in ("issues.parquet", "summary.json", "cleaned.npz"):
        (tmp_path / "old" / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(BadInput, match=r"has no certify.parquet.*audit the data again"):
        export_review(tmp_path / "old", "csv", tmp_path / "x.csv", purpose="rate")
    data = nw.auditing.review.folder.original_data(tmp_path / "old")
    table = pd.DataFrame({"index": data.index[:40], "decision": "keep", "label": ""})
    assert "certified" not in nw.decide(data, table, findings_folder=tmp_path / "old")[1]


def test_unknown_purpose(folder, tmp_path):
    with pytest.raises(BadInput, match=r"purpose='rates' must be one of labels, rate \(did you mean 'rate'\?\)"):
        export_review(folder, "csv", tmp_path / "x.csv", purpose="rates")
