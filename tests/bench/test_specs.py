"""Bench files with mistakes: one sentence before the first run. And what the page says of the keys."""

import datetime
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noisewise.bench.bench import bench
from noisewise.bench.grid import KEYS, expand, read_spec
from noisewise.compute import SerialEngine
from noisewise.errors import BadInput

PAGE = Path(__file__).parents[2] / "docs" / "bench.md"
SPEC = {"source": "digits", "method": "ce", "model": "mlp:4", "epochs": 1}
VALUES = [-1, 1.5, True, "", "nosuch", [], [[]], {}, {"a": 1}, [{"a": 1}], float("nan"), float("inf"), 10**30, "a\0b"]
TIMES = [datetime.date(2020, 1, 1), datetime.time(1)]


class Never(SerialEngine):
    """An engine that must not be asked to compute."""

    def map(self, function, items):
        raise AssertionError("a run was started")


@pytest.mark.parametrize("key", [*KEYS, "name", "for"])
def test_a_value_of_another_kind_is_one_sentence(key):
    refused = []
    for value in (*VALUES, *TIMES):
        try:
            expand({**SPEC, key: value})
        except BadInput as error:
            refused.append(str(error))
    assert len(refused) >= 6
    assert not any("\n" in said for said in refused)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"for": 3}, "for=3 must be tables, each under a line [[for]]"),
        ({"for": [1]}, "for=[1] must be tables"),
        ({"for": {"lr": 1}}, "for={'lr': 1} must be tables"),
        (
            {"for": [{"method": "elr", "lr": 0.1}]},
            "the table [[for]] number 1, {'method': 'elr', 'lr': 0.1}, changes no",
        ),
        ({"for": [{"method": "ce"}]}, "changes no run"),
        ({"for": [{"name": "x"}]}, "unknown key 'name'"),
        ({"for": [{"lr": [0.1, 0.2]}]}, "lr=[0.1, 0.2] must be at least 0 and finite"),
        ({"name": 3}, "name=3 must be text"),
        ({"seed": []}, "seed=[] of the bench spec lists no value"),
        ({"seed": [0, 1, 0]}, "seed of the bench spec lists 0 twice"),
        ({"source": 3}, "source=3 must be a name, a path or a Dataset"),
        ({"epochs": 0}, "epochs=0 must be"),
        (
            {"seed": list(range(3000)), "rows": list(range(100, 3100)), "method": ["ce", "mae", "gce"]},
            "the grid has 27,000,000 runs (3,000 of seed, 3,000 of rows, 3 of method), and at most 10,000 are possible",
        ),
    ],
)
def test_mistakes_in_a_spec(changed, said):
    with pytest.raises(BadInput, match=re.escape(said)):
        expand({**SPEC, **changed})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"source": "nosuch.csv"}, "nosuch.csv"),
        ({"source": "table.csv", "labels": "nosuch"}, "has no column 'nosuch'"),
        ({"rows": 5000}, "rows=5000 must be a whole number from 2 to"),
        ({"tested": 5000}, "5000"),
        ({"source": "table.csv", "labels": "label", "tested": 5}, "tested=5 asks for test rows"),
        ({"source": "table.csv", "labels": "label", "model": "cnn9"}, "cnn9 needs images"),
        ({"source": "table.csv", "labels": "label", "augment": "crop:4"}, "crop is for images"),
        ({"source": "table.csv", "labels": "label", "probe": "label-fit"}, "needs the true labels"),
        ({"method": "glc"}, "method='glc' needs rows whose labels are known to be correct"),
        ({"method": "glc", "trusted": 5}, "needs rows whose truth is known"),
        ({"device": "cuda:97"}, "device='cuda:97' is not available here"),
    ],
)
def test_runs_that_could_not_start_are_found_before_the_first_run(changed, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labels = np.array(["a", "b"])[np.arange(20) % 2]
    pd.DataFrame({"x": np.arange(20) * 1.5, "label": labels}).to_csv("table.csv", index=False)
    with pytest.raises(BadInput, match=re.escape(said)):
        bench({**SPEC, "seed": [0, 1], **changed}, "out", engine=Never())
    assert not Path("out").exists()


def test_noise_in_labels_makes_the_truth_known(tmp_path):
    with pytest.raises(AssertionError, match="a run was started"):
        bench({**SPEC, "method": "glc", "trusted": 5, "corrupt": "symmetric:0.2"}, tmp_path, engine=Never())


def test_trusted_rows_of_the_source_stay_for_every_method():
    (trial,) = expand({**SPEC, "trusted": "checked"})
    assert trial.experiment.trusted == "checked"
    (trial,) = expand({**SPEC, "trusted": 5})
    assert trial.experiment.trusted == 0


def test_the_page_lists_every_key():
    table = PAGE.read_text(encoding="utf-8").split("## Keys")[1].split("A list of values")[0]
    named = [
        name for line in table.splitlines() if line[:3] == "| `" for name in re.findall("`(\\w+)`", line.split("|")[1])
    ]
    assert sorted(named) == sorted([*KEYS, "name"])


@pytest.mark.parametrize("damaged", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_a_run_whose_record_is_damaged_counts_as_not_done(damaged, tmp_path):
    (trial,) = expand(SPEC)
    folder = tmp_path / "runs" / trial.key
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(damaged, encoding="utf-8")
    assert not trial.finished(folder)
    with pytest.raises(AssertionError, match="a run was started"):
        bench(SPEC, tmp_path, engine=Never())
    (folder / "run.json").write_text('{"seconds": 1.0}', encoding="utf-8")
    assert len(bench(SPEC, tmp_path, engine=Never())) == 1


def test_runs_on_a_former_content_of_a_file_are_not_taken_for_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"x": np.arange(40) % 7 * 1.0, "label": np.array(["a", "b"])[np.arange(40) % 2]})
    frame.to_csv("table.csv", index=False)
    spec = {**SPEC, "source": "table.csv", "labels": "label"}
    bench(spec, "out", engine=SerialEngine())
    assert len(bench(spec, "out", engine=Never())) == 1  # nothing changed
    Path("table.csv").touch()
    assert len(bench(spec, "out", engine=Never())) == 1
    frame.iloc[::-1].to_csv("table.csv", index=False)
    with pytest.raises(
        BadInput, match=r"table.csv has changed since runs in out/runs were computed from it: give another"
    ):
        bench(spec, "out", engine=Never())
    assert len(bench(spec, "other", engine=SerialEngine())) == 1
    next(Path("other").glob("runs/*/input.json")).write_text("[")
    with pytest.raises(BadInput, match="is damaged: remove"):
        bench(spec, "other", engine=Never())


def test_lists_of_columns_are_one_value_and_not_an_axis():
    (trial,) = expand({**SPEC, "source": "t.csv", "columns": ["a", "b"], "na": ["?"]})
    assert (trial.experiment.columns, trial.experiment.na) == (("a", "b"), ("?",))


def test_a_spec_that_is_nested_too_deeply_is_refused(tmp_path):
    (tmp_path / "grid.toml").write_text("x = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(BadInput, match="nested too deeply"):
        read_spec(tmp_path / "grid.toml")
