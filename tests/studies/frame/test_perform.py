"""From runs to files: whole, honest, escaped."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from noisewise.compute import SerialEngine, Task
from noisewise.errors import BadInput
from noisewise.figures import COLOURS
from noisewise.studies import perform

FILES = {"claims.json", "timings.json", "figure.png", "figure.svg", "report.html"}


class Here(SerialEngine):
    """An engine in this process that counts, and fails the runs of some titles."""

    def __init__(self, failing=""):
        object.__setattr__(self, "ran", 0)
        object.__setattr__(self, "failing", failing)

    def map(self, function, items):
        def counted(task):
            if self.failing and self.failing in task.title:
                raise ValueError("planted")
            object.__setattr__(self, "ran", self.ran + 1)
            return function(task)

        return super().map(counted, items)


def test_a_study_writes_its_files_and_an_extended_one_goes_on(example, tmp_path):
    engine, told = Here(), []
    outcome = perform(example.STUDY, "smoke", out=tmp_path, engine=engine, on_done=lambda *a: told.append(a))
    assert outcome.passed
    assert {path.name for path in (tmp_path / "mean-error").iterdir()} == FILES
    assert (engine.ran, len(told), {count for _, count in told}) == (3, 3, {3})
    claims = json.loads((tmp_path / "mean-error" / "claims.json").read_text())
    assert [(c["claim"], c["threshold"], c["holds"], c["scale"]) for c in claims] == [
        ("root-law", [-0.52, -0.48], True, "smoke")
    ]
    assert claims[0]["measured"] == pytest.approx(-0.5, abs=0.02)
    timings = json.loads((tmp_path / "mean-error" / "timings.json").read_text())
    assert timings["seconds"] == outcome.seconds == sum(run["seconds"] for run in timings["runs"])
    assert (timings["scale"], timings["source"], timings["model"]) == ("smoke", None, None)
    perform(example.STUDY, "cpu", out=tmp_path, engine=engine)
    assert engine.ran == 4, "the larger scale computes only what the smaller had not"


def test_panels_of_an_earlier_time_go_and_other_pictures_stay(example, tmp_path):
    perform(example.STUDY, "smoke", out=tmp_path, engine=Here(), panels=True)
    (tmp_path / "mean-error" / "figure-mine.png").touch()
    assert (tmp_path / "mean-error" / "figure-a.png").exists()
    perform(example.STUDY, "smoke", out=tmp_path, engine=Here())
    assert {path.name for path in (tmp_path / "mean-error").iterdir()} == FILES | {"figure-mine.png"}


def test_the_same_results_give_the_same_bytes(example, tmp_path):
    for _ in range(2):
        perform(example.STUDY, "smoke", out=tmp_path, engine=Here())
        content = {name: (tmp_path / "mean-error" / name).read_bytes() for name in FILES}
    perform(example.STUDY, "smoke", out=tmp_path, engine=Here())
    assert {name: (tmp_path / "mean-error" / name).read_bytes() for name in FILES} == content


def test_a_failed_run_leaves_the_study_unwritten_and_the_rest_done(example, tmp_path):
    outcome = perform(example.STUDY, "smoke", out=tmp_path, engine=Here("draws=100 "))
    assert [done.error for done in outcome.failed] == ["ValueError: planted"]
    assert (outcome.passed, outcome.claims) == (False, [])
    assert not (tmp_path / "mean-error").exists()
    engine = Here()
    assert perform(example.STUDY, "smoke", out=tmp_path, engine=engine).passed
    assert engine.ran == 1


def test_a_claim_that_fails_is_reported(example, tmp_path):
    study = replace(
        example.STUDY,
        claims=[{"id": "never", "says": "It cannot be.", "holds": "< 0"}],
        measured=lambda results: {"never": 1.0},
    )
    outcome = perform(study, "smoke", out=tmp_path, engine=Here())
    assert not outcome.passed
    page = (tmp_path / "mean-error" / "report.html").read_text()
    assert "<td class=no>fails</td>" in page
    assert "0 of 1 claims hold, 1 fails" in page


def test_the_report_escapes_and_needs_no_network(example, tmp_path):
    evil = '<script>alert("x")</script>'
    card = replace(example.STUDY.card, title=evil, shows=evil, explanation=evil, departures=evil, takes=("source",))
    study = replace(
        example.STUDY,
        card=card,
        runs=lambda scale: [Task.of(example.error_of_mean, title=evil, draws=n, repeats=10, seed=0) for n in (2, 4)],
        claims=[{"id": "c", "says": evil, "holds": "> 0"}],
        measured=lambda results: {"c": 1.0},
    )
    perform(study, "smoke", out=tmp_path, source="digits", engine=Here())
    page = (tmp_path / "mean-error" / "report.html").read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "with source digits" in page
    (picture,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert base64.b64decode(picture) == (tmp_path / "mean-error" / "figure.svg").read_bytes()


def test_figures_have_the_common_look(example, tmp_path):
    from PIL import Image

    perform(example.STUDY, "smoke", out=tmp_path, engine=Here())
    with Image.open(tmp_path / "mean-error" / "figure.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    first = [int(COLOURS[0][k : k + 2], 16) for k in (1, 3, 5)]
    assert (pixels == first).all(axis=2).any()
    assert (pixels[0, 0] == 255).all()
    assert COLOURS[0].lower() in (tmp_path / "mean-error" / "figure.svg").read_text().lower()


@pytest.mark.parametrize(
    "choice, words",
    [
        ({"source": "nowhere"}, "no source and no file 'nowhere'"),
        ({"model": "mpl"}, "unknown model 'mpl' .*did you mean 'mlp'"),
        ({"model": "no_module:net"}, "no module 'no_module'"),
        ({"source": "digits", "model": "mlp:width=3"}, "width"),
    ],
)
def test_choices_that_cannot_be_are_refused_before_anything_runs(example, tmp_path, choice, words):
    study = replace(example.STUDY, card=replace(example.STUDY.card, takes=("source", "model")))
    with pytest.raises(BadInput, match=words):
        perform(study, "smoke", out=tmp_path / "out", engine=Here(), **choice)
    assert not (tmp_path / "out").exists()
