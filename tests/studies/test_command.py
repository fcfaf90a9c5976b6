"""`noisewise study`."""

import json
from dataclasses import replace

import pytest

from noisewise.cli import main
from noisewise.compute import Task
from noisewise.studies import Claim


@pytest.fixture
def run(capsys):
    """Call with the arguments of `noisewise study`; gives exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["study", *map(str, arguments)])
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return call


def test_a_study_runs_and_goes_on(run, catalogued, tmp_path):
    code, out, err = run("mean-error", "--scale", "smoke", "--out", tmp_path, "--workers", 1)
    assert code == 0
    assert "root-law" in out
    assert "holds" in out
    assert "1 of 1 claims hold at scale smoke" in out
    assert err.splitlines()[-1].startswith("mean-error 3/3: error_of_mean draws=")
    assert (tmp_path / "mean-error" / "report.html").exists()
    code, out, err = run("mean-error", "mean_error:STUDY", "--scale", "smoke", "--out", tmp_path, "--json")
    assert [line.rpartition(": ")[2] for line in err.splitlines()] == ["was done"] * 6
    (found, again) = json.loads(out)
    assert (found["study"], found["passed"], found["failed"]) == ("mean-error", True, [])
    assert found["claims"] == json.loads((tmp_path / "mean-error" / "claims.json").read_text())
    assert again == found


def test_a_claim_that_fails_ends_with_1(run, example, monkeypatch, tmp_path):
    changed = replace(
        example.STUDY,
        claims=[{"id": "never", "says": "It cannot be.", "holds": "< 0"}],
        measured=lambda results: {"never": 1.0},
    )
    monkeypatch.setattr(example, "STUDY", changed)
    code, out, _ = run("mean_error:STUDY", "--scale", "smoke", "--out", tmp_path)
    assert code == 1
    assert "FAILS" in out


def test_a_sentence_that_many_runs_fail_with_is_printed_once(run, example, monkeypatch, tmp_path):
    failing = [Task("mean_error:none", arguments={"k": k}) for k in range(3)]
    monkeypatch.setattr(example, "STUDY", replace(example.STUDY, runs=lambda scale: failing))
    code, _, err = run("mean_error:STUDY", "--scale", "smoke", "--out", tmp_path, "--workers", 1)
    assert code == 1
    assert err.count("has no attribute 'none'") == 1
    assert err.count("failed, as one before") == 2


def test_a_run_that_fails_ends_with_1_and_claims_nothing(run, example, monkeypatch, tmp_path):
    def runs(scale):
        return [Task("mean_error:none"), *example.runs(scale)]

    monkeypatch.setattr(example, "STUDY", replace(example.STUDY, runs=runs))
    code, out, err = run("mean_error:STUDY", "--scale", "smoke", "--out", tmp_path)
    assert code == 1
    assert "failed: BadInput: module 'mean_error' has no attribute 'none'" in err
    assert "1 runs failed, so nothing is claimed" in out
    assert not (tmp_path / "mean-error").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["mean-eror", "--out", "x"], "unknown study 'mean-eror' (did you mean 'mean-error'?)"),
        ([], "say which studies: NAME..., or --all, or --list"),
        (["mean-error", "--all"], "say which studies"),
        (["mean-error"], "--out is missing"),
        (
            ["mean-error", "--scale", "paper", "--out", "x"],
            "study 'mean-error' has no scale 'paper'; available: smoke, cpu",
        ),
        (["mean-error", "--scale", "huge", "--out", "x"], "'huge' is not one of"),
        (["mean-error", "--source", "digits", "--out", "x"], "source='digits' cannot be chosen"),
        (["mean-error", "--workers", "0", "--out", "x"], "not in the range"),
    ],
)
def test_bad_input(run, catalogued, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_claims_are_listed_before_any_run(run, catalogued, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("mean-error", "--claims")
    assert code == 0
    assert "root-law" in out
    assert "-0.52 to -0.48" in out
    (entry,) = json.loads(run("mean-error", "--claims", "--json", "--scale", "smoke")[1])
    assert (entry["study"], entry["claim"], entry["scale"]) == ("mean-error", "root-law", "smoke")
    assert (entry["comparison"], entry["threshold"], entry["optional"]) == ("in", [-0.52, -0.48], False)
    assert "measured" not in entry
    assert "root-law" in run("--all", "--claims")[1]
    code, _, err = run("mean-error", "--claims", "--scale", "paper")
    assert (code, "has no scale 'paper'" in err) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_all_leaves_out_what_has_no_such_scale(run, catalogued, monkeypatch, tmp_path):
    monkeypatch.setattr("noisewise.studies.STUDIES._own", {"mean-error": "mean_error:STUDY"})
    code, out, err = run("--all", "--scale", "paper", "--out", tmp_path)
    assert (code, out) == (0, "")
    assert "mean-error: has no scale paper" in err


def test_an_empty_catalogue_says_so(run, monkeypatch, tmp_path):
    monkeypatch.setattr("noisewise.studies.STUDIES._own", {})
    assert run("--list") == (0, "there are no studies in this version\n", "")
    assert run("--list", "--json") == (0, "[]\n", "")
    assert run("--all", "--out", tmp_path) == (0, "", "there are no studies in this version\n")


def test_the_list_has_a_line_per_study_and_details_of_one(run, catalogued, monkeypatch, tmp_path):
    monkeypatch.setattr("noisewise.studies.STUDIES._own", {"mean-error": "mean_error:STUDY"})
    monkeypatch.setattr("noisewise.cli.commands.study_list.cores", lambda: 2)
    title = "The error of a mean falls with the square root of the number of draws"
    _, out, _ = run("--list")
    assert out.splitlines()[1].split(maxsplit=4) == ["mean-error", "?", "?", "-", title]
    assert "not measured" in run("mean-error", "--list")[1]
    claims = [Claim(name, "s", 1.0, ">=", limit, error=0.5).plain("cpu") for name, limit in (("a", 0.0), ("b", 9.0))]
    claims += [Claim("c", "s", 1.0, ">=", 1.1, error=0.5).plain("cpu")]
    smoke = {"seconds": 9.0, "cpu_seconds": 8.0, "longest": 5.0, "machines": ["here"], "runs": 3, "claims": []}
    cpu = {"seconds": 150.0, "machines": ["2 CPU cores"], "runs": 4, "claims": claims}
    monkeypatch.setattr(
        "noisewise.studies.frame.measured.measured", lambda: {"mean-error": {"smoke": smoke, "cpu": cpu}}
    )
    _, out, _ = run("--list")
    assert out.splitlines()[1].split(maxsplit=6)[:6] == ["mean-error", "5.0", "s", "75", "s", "1/1/1"]
    for details in (run("mean-error", "--list")[1], run("--all", "--list")[1]):
        assert details.startswith(f"mean-error\n  {title} (Gauss")
        assert "about 75 s on the 2 cores here (2.5 min of computing on 2 CPU cores)" in " ".join(details.split())
        assert "1 of 3 claims held when last run, at scale cpu; failed: b; undecided: c" in details
    (entry,) = json.loads(run("--list", "--json")[1])
    assert (entry["name"], entry["year"]) == ("mean-error", 1823)
    assert entry["measured"] == {"smoke": smoke, "cpu": cpu}


def test_minutes_leave_runs_to_the_next_call(run, catalogued, tmp_path):
    arguments = ("mean-error", "--scale", "smoke", "--out", tmp_path, "--engine", "serial")
    code, out, err = run(*arguments, "--minutes", 1e-9)
    assert code == 3
    assert "mean-error: 3 runs left: give the command again to go on" in out
    assert err.count("left for the next call") == 3
    assert not (tmp_path / "mean-error").exists()
    assert run(*arguments, "--minutes", 5, "--device", "cpu")[0] == 0


def test_a_device_that_is_not_here_is_refused(run, catalogued, tmp_path):
    code, _, err = run("mean-error", "--scale", "smoke", "--out", tmp_path, "--device", "cuda:99")
    assert (code, "device='cuda:99' is not available here" in err) == (2, True)


def test_panels_are_written_on_their_own(run, catalogued, tmp_path):
    assert run("mean-error", "--scale", "smoke", "--out", tmp_path, "--workers", 1, "--panels")[0] == 0
    panels = sorted(path.name for path in (tmp_path / "mean-error").glob("figure*.png"))
    assert panels == ["figure-a.png", "figure.png"]
