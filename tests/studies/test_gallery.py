"""The gallery, and the record that `--list` reads."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gallery import collect, page, write
from noisewise.compute import SerialEngine
from noisewise.errors import BadInput
from noisewise.files.publishing import PUBLISHING
from noisewise.studies import STUDIES, perform
from noisewise.studies.frame.measured import measured, shown, wall
from noisewise.studies.frame.report import duration

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def finished(catalogued, monkeypatch, tmp_path):
    """A folder with the finished example."""
    monkeypatch.setattr(STUDIES, "_own", {"mean-error": "mean_error:STUDY"})
    perform(catalogued, "smoke", out=tmp_path / "studies", engine=SerialEngine())
    return tmp_path / "studies"


def test_the_gallery_shows_finished_studies(finished, tmp_path):
    docs, record = tmp_path / "docs", tmp_path / "measured.json"
    record.write_text('{"gone": {}}')
    (docs / "gallery").mkdir(parents=True)
    (docs / "gallery" / "gone-cpu.png").write_bytes(b"")
    write(docs, [finished], record=record)
    assert [path.name for path in (docs / "gallery").iterdir()] == ["mean-error-smoke.png"]
    assert (docs / "gallery" / "mean-error-smoke.png").read_bytes() == (
        finished / "mean-error" / "figure.png"
    ).read_bytes()
    known = json.loads(record.read_text())
    assert list(known) == ["mean-error"]
    assert known["mean-error"]["smoke"]["runs"] == 3
    assert known["mean-error"]["smoke"]["claims"] == json.loads((finished / "mean-error" / "claims.json").read_text())
    text = (docs / "gallery.md").read_text()
    assert "![The error of a mean falls" in text
    assert "](gallery/mean-error-smoke.png)" in text
    slope = f"{known['mean-error']['smoke']['claims'][0]['measured']:.4g}"
    assert "| smoke | 1 | 0 | 0 |" in text
    says = "root-law: The error falls with the square root of the number of draws."
    assert f"| {says} | {slope} |  | -0.52 to -0.48 | holds |" in text
    write(docs, [], record=record)
    assert (docs / "gallery.md").read_text() == text


def test_the_folder_of_one_study_is_enough(finished):
    assert collect({}, [finished / "mean-error"], STUDIES) == collect({}, [finished], STUDIES)
    with pytest.raises(BadInput, match="no finished study"):
        collect({}, [finished / "runs"], STUDIES)


def test_a_study_that_was_interrupted_is_read_whole(finished):
    before = json.loads((finished / "mean-error" / "timings.json").read_text())
    room = finished / "mean-error" / f"{PUBLISHING}{'0' * 16}" / "new"
    room.mkdir(parents=True)
    (room / "timings.json").write_text(json.dumps({**before, "scale": "cpu"}))
    assert list(collect({}, [finished], STUDIES)[0]["mean-error"]) == ["cpu"]
    assert not room.exists()


def test_the_largest_scale_is_shown_and_a_failure_stands_out(finished):
    known, _ = collect({}, [finished], STUDIES)
    entry = known["mean-error"]["smoke"]
    failing = {**entry, "claims": [{**entry["claims"][0], "measured": None, "cause": "too small: one draw"}]}
    text = page({"mean-error": {"smoke": entry, "cpu": failing}}, STUDIES)
    assert "gallery/mean-error-cpu.png" in text
    assert "gallery/mean-error-smoke.png" not in text
    assert "| not measured |  | -0.52 to -0.48 | **fails**: too small: one draw |" in text
    assert "Of those that fail, by cause: 1 too small." in text
    assert "| cpu | root-law | fails | too small: one draw |" in text
    open_ = {**entry["claims"][0], "measured": -0.5, "error": 0.1, "n": 9, "gated": False, "verdict": "undecided"}
    text = page({"mean-error": {"paper": {**entry, "claims": [open_]}, "cpu": entry}}, STUDIES)
    assert "| -0.5 ± 0.1 | 9 | -0.52 to -0.48 | undecided (not gated) |" in text
    assert "| cpu<br>paper | 1<br>0 | 0<br>0 | 0<br>1 |" in text
    assert text.index("gallery/mean-error-cpu.png)") < text.index("gallery/mean-error-paper.png)")


def test_of_the_smallest_scale_only_times_are_kept(finished):
    known, figures = collect({}, [finished], STUDIES)
    assert list(figures) == ["mean-error-smoke.png"]
    assert known["mean-error"]["smoke"]["claims"]
    known, figures = collect({"mean-error": {"cpu": known["mean-error"]["smoke"]}}, [finished], STUDIES)
    assert figures == {}
    assert known["mean-error"]["cpu"]["claims"]
    smoke = known["mean-error"]["smoke"]
    assert (smoke["claims"], smoke["runs"], smoke["longest"] <= smoke["seconds"]) == ([], 3, True)


def test_a_study_that_was_never_run_says_so(catalogued):
    assert "Not measured yet." in page({}, {"mean-error": catalogued})
    assert "There are no studies yet." in page({}, {})


def test_runs_on_other_data_are_not_shown(catalogued, finished):
    study = replace(catalogued, card=replace(catalogued.card, takes=("source",)))
    perform(study, "smoke", out=finished, source="digits", engine=SerialEngine())
    with pytest.raises(BadInput, match="a custom source or model"):
        collect({}, [finished], STUDIES)
    with pytest.raises(BadInput, match="no finished study in"):
        collect({}, [finished / "runs"], STUDIES)


def test_the_page_is_up_to_date():
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == page(measured(), STUDIES), "run `make pages`"
    pictures = {f"{name}-{scale}.png" for name, scales in measured().items() for scale in shown(scales)}
    assert {path.name for path in (DOCS / "gallery").glob("*.png")} == pictures


def test_durations_read_well():
    found = [duration(seconds) for seconds in (0.04, 9.94, 9.96, 99.4, 99.6, 5969.0, 5971.0, 36000.0)]
    assert found == ["0.0 s", "9.9 s", "10 s", "99 s", "1.7 min", "99.5 min", "1.7 h", "10.0 h"]


def test_the_longest_run_bounds_the_time_of_a_study():
    entry = {"seconds": 100.0, "cpu_seconds": 80.0, "longest": 30.0}
    assert [wall(entry, cores) for cores in (1, 2, 4)] == [80.0, 40.0, 30.0]
    assert wall({"seconds": 100.0, "cpu_seconds": None}, 2) == 50.0
