import json
import time

from benchmarks.campaign import timings
from benchmarks.campaign.timings import Timing, measured, run, said


def test_every_kind_of_timing_runs_and_is_not_repeated(tmp_path):
    wanted = list(timings.timings(tiny=True, device="cpu"))
    assert len({one.key for one in wanted}) == len(wanted) == 3
    assert run(wanted, tmp_path, "cpu") == {"done": 0, "finished": 3, "failed": 0, "left": 0}
    lines = [json.loads(line) for line in (tmp_path / "timings.jsonl").read_text().splitlines()]
    assert all(arm["seconds"] > 0 for line in lines for arm in line["arms"].values())
    assert {next(iter(line["arms"].values()))["ratio"] for line in lines} == {1.0}
    assert run(wanted, tmp_path, "cpu") == {"done": 3, "finished": 0, "failed": 0, "left": 0}


def test_the_full_timings_are_of_other_keys():
    full, tiny = ({one.key for one in timings.timings(small, "cuda")} for small in (False, True))
    assert len(full) == 6
    assert not any("stacked" in key for key in full & tiny)


def test_arms_take_turns_and_are_compared_with_the_first():
    calls = []
    arms = {"first": lambda: (calls.append("first"), time.sleep(0.01)), "other": lambda: calls.append("other")}
    line = measured(Timing("k", lambda: arms, 3, 2, 1), "cpu")
    assert calls == ["first", "other"] * 4
    assert line["arms"]["first"]["seconds"] >= 0.005
    assert line["arms"]["other"]["ratio"] < 1
    assert "k: first" in said(line)


def test_what_fails_or_does_not_finish_is_left_for_the_next_piece(tmp_path):
    def broken():
        raise ValueError("no such card")

    slow = Timing("slow", lambda: {"one": lambda: time.sleep(60)}, 2, 1, 0)
    wanted = [Timing("broken", broken, 2, 1, 0), slow, Timing("long", broken, 2, 1, 3600)]
    assert run(wanted, tmp_path, "cpu", minutes=0.02) == {"done": 0, "finished": 0, "failed": 1, "left": 2}
    (line,) = [json.loads(line) for line in (tmp_path / "timings.jsonl").read_text().splitlines()]
    assert line["failed"] == "ValueError: no such card"
    assert said(line) == "broken failed: ValueError: no such card"
    good = Timing("broken", lambda: {"one": lambda: None}, 2, 1, 0)
    assert run([good], tmp_path, "cpu")["finished"] == 1


def test_the_campaign_begins_with_the_timings(tmp_path, monkeypatch, capsys):
    from benchmarks.campaign import __main__ as campaign

    monkeypatch.setattr(timings, "timings", lambda tiny, device: [Timing("k", lambda: {"a": lambda: None}, 2, 1, 0)])
    arguments = ["campaign", "--tiny", "--out", str(tmp_path), "--device", "cpu", "--parts", "timings"]
    monkeypatch.setattr("sys.argv", arguments)
    assert campaign.main() == 0
    assert (tmp_path / "timings.jsonl").exists()
    assert "0 done, 1 finished" in capsys.readouterr().out
