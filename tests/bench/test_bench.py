import hashlib
import json

import pandas as pd
import pytest

from noisewise.auditing.report.markup import source_hash
from noisewise.bench.bench import bench
from noisewise.bench.grid import expand, read_spec
from noisewise.bench.leaderboard import tables, to_html, to_markdown
from noisewise.compute import SerialEngine, run
from noisewise.errors import BadInput
from noisewise.run.experiment import Experiment
from noisewise.training import Config

SPEC = {
    "name": "t",
    "source": "digits",
    "corrupt": ["symmetric:0.2", "pair:0.2"],
    "method": ["ce", "meta-weight-net"],
    "trusted": 50,
}


def test_a_grid_is_the_product_of_its_lists_and_trusted_rows_go_to_those_who_need_them():
    jobs = expand({**SPEC, "seed": [0, 1]})
    assert len(jobs) == 8
    assert {j.stated["method"]: "trusted" in j.stated for j in jobs} == {"ce": False, "meta-weight-net": True}
    assert len({j.key for j in jobs}) == 8


def test_runs_that_were_finished_by_earlier_versions_are_found():
    """Keys as the version of the first release computed them."""
    spec = {
        "name": "golden",
        "source": ["digits", "table.csv"],
        "corrupt": ["symmetric:0.4", "pair:0.45+longtail:100"],
        "method": ["ce", "meta-weight-net", "cdr:tau=0.4+gce"],
        "model": "mlp:32",
        "trusted": 50,
        "seed": [0, 1],
        "epochs": 20,
        "milestones": [0.3, 0.6],
        "lr": 0.05,
        "probe": "fisher",
        "labels": "y",
        "rows": 200,
        "noise_rate": 0.4,
        "for": [{"method": "ce", "corrupt": "symmetric:0.4", "lr": 0.01}],
    }
    keys = [trial.key for trial in expand(spec)]
    assert (len(keys), keys[0], keys[8], keys[23]) == (24, "2e0f4f0b04f68137", "9d094be199dbf097", "e611d8ec34d1ac99")
    assert hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16] == "f17b4839a373fc63"
    assert [trial.key for trial in expand({"source": "digits", "method": "ce"})] == ["ea376efa11b97fda"]


def test_what_the_spec_states_is_what_is_trained():
    (trial,) = expand({"source": "digits", "method": "elr", "seed": 3, "milestones": [0.2, 0.9], "probe": "label-fit"})
    config = Config(seed=3, milestones=(0.2, 0.9))
    assert trial.experiment == Experiment("digits", "elr", observe="label-fit", config=config)


def test_exceptions_change_the_runs_they_match():
    jobs = expand({**SPEC, "for": [{"method": "ce", "corrupt": "pair:0.2", "lr": 0.5}]})
    changed = [j.stated for j in jobs if j.stated.get("lr") == 0.5]
    assert [(a["method"], a["corrupt"]) for a in changed] == [("ce", "pair:0.2")]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"source": "digits"}, "method"),
        ({"method": "ce"}, "source"),
        ({**SPEC, "epoch": 3}, "epochs"),
        ({**SPEC, "method": "ecr"}, "elr|ce"),
        ({**SPEC, "epochs": [3, 0]}, "epochs=0"),
        ({**SPEC, "corrupt": "symetric:0.2"}, "symmetric"),
        ({**SPEC, "model": "mpl"}, "mlp"),
    ],
)
def test_bad_specs_are_refused(spec, words):
    with pytest.raises(BadInput, match=words):
        expand(spec)


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot read"):
        read_spec(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("source = [")
    with pytest.raises(BadInput, match="not TOML"):
        read_spec(tmp_path / "bad.toml")


class Pretend(SerialEngine):
    """An engine that writes results without training, and counts."""

    def __init__(self, folder):
        object.__setattr__(self, "ran", [])
        object.__setattr__(self, "folder", folder)

    def map(self, function, items):
        for number, job in enumerate(items):
            self.ran.append(job.key)
            path = self.folder / "runs" / job.key
            path.mkdir(parents=True)
            value = 0.5 + len(self.ran) / 100
            metrics = {f"test_accuracy_{k}": value for k in ("best", "last", "last10", "selected")}
            (path / "run.json").write_text(json.dumps({**metrics, "seconds": 2.0 * len(self.ran)}))
            yield number, ("done", None)


def test_a_bench_reports_and_does_not_repeat(tmp_path):
    engine = Pretend(tmp_path)
    bench(SPEC, tmp_path, engine=engine)
    results = bench({**SPEC, "seed": [0]}, tmp_path, engine=engine)
    assert len(results) == 4
    assert len(engine.ran) == 8
    bench(SPEC, tmp_path, engine=engine)
    assert len(engine.ran) == 8
    assert len(pd.read_parquet(tmp_path / "results.parquet")) == 4
    text = (tmp_path / "leaderboard.md").read_text()
    assert "symmetric:0.2" in text
    assert "| meta-weight-net | 1 | 52.00 |" in text


def test_leaderboards_escape_and_show_spread():
    rows = [
        {"source": "<b>", "corrupt": "pair:0.2", "model": "m", "method": "ce", "seconds": 1.0, "test_accuracy_last": a}
        for a in (0.5, 0.6)
    ]
    found = tables(pd.DataFrame(rows))
    assert found[0][1].iloc[0]["last"] == "55.00 ± 7.07"
    assert "<b>" not in to_html("<b>", found)
    assert "55.00 ± 7.07" in to_markdown("n", found)


def test_names_on_a_leaderboard_are_no_markup():
    frame = pd.DataFrame([{"source": "<img src=x>", "method": "[x](y)|`z`\\", "seconds": 1.0}])
    text = to_markdown("<b>\n# x", tables(frame))
    assert "# &lt;b&gt; # x\n" in text
    assert "## &lt;img src=x&gt; · none · default" in text
    assert "| \\[x\\](y)\\|\\`z\\`\\\\ |" in text


def test_a_leaderboard_may_load_nothing_but_its_own_style():
    page = to_html("n", [])
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert f"default-src 'none'; style-src {source_hash(style)};" in page


def test_a_failed_job_says_why(tmp_path):
    (job,) = expand({"source": "nowhere", "method": "ce", "epochs": 1})
    (done,) = run([job], tmp_path, SerialEngine())
    assert done.error is not None
    assert "nowhere" in done.error
