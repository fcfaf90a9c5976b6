"""The comparisons of speed: how turns are counted, and that each comparison runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.speed.__main__ import comparisons, page
from benchmarks.speed.row import Row
from benchmarks.speed.turns import Spread, Turns, compare, take_turns

PROJECT = Path(__file__).parents[2]


def test_arms_take_turns_and_each_turn_begins_with_another_arm():
    calls = []
    taken = take_turns({name: lambda name=name: calls.append(name) for name in "ab"}, turns=2, steps=3)
    assert "".join(calls) == "aabb" + "aaabbb" + "bbbaaa"
    assert all(len(seconds) == 2 for seconds in taken.seconds.values())


def test_ratios_are_those_of_the_same_turn():
    turns = Turns({"base": [1.0, 2.0, 4.0], "more": [2.0, 6.0, 16.0], "less": [1.5, 5.0, 14.0]}, steps=2)
    assert turns.ratio("more", "base") == Spread(3.0, 2.5, 3.5)
    assert turns.share("more", "less", "base") == Spread(0.5, 0.5, 0.5)
    assert turns.each("base").median == 1000.0


def test_the_first_arm_is_the_base():
    found = compare({"base": lambda: sum(range(20_000)), "more": lambda: sum(range(100_000))}, turns=9, steps=20)
    assert found["base"] == Spread(1.0, 1.0, 1.0)
    assert found["more"].median > 1


@pytest.mark.parametrize(("goal", "reached"), [("<= 2", True), ("<= 1.4", False), (">= 2", False), ("", None)])
def test_a_goal_is_reached_or_not(goal, reached):
    row = Row.of("this / that", goal, Spread(1.5, 1.4, 1.6))
    assert row.reached is reached
    stated = {"what": "this / that", "goal": goal, "value": 1.5, "low": 1.4, "high": 1.6}
    about = {"commit": "1", "torch": "2", "processor": "one"}
    said = {True: "reached", False: "missed", None: "|  |"}[reached]
    assert said in page({"part": {**about, "rows": [stated]}}).splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", comparisons())
def test_every_comparison_runs(name, tmp_path):
    command = [sys.executable, "-m", "benchmarks.speed", name, "--quick", "--out", str(tmp_path / "speed")]
    subprocess.run(command, cwd=PROJECT, check=True)
    rows = json.loads((tmp_path / "speed.json").read_text())[name]["rows"]
    assert rows
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    assert (tmp_path / "speed.md").exists()
