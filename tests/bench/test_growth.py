"""The benchmark of growth at its smallest sizes, and what it writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.growth import MEASUREMENTS, Cost, exponent, write

PROJECT = Path(__file__).parents[2]


def test_costs_become_a_page_with_exponents_and_a_figure(tmp_path):
    costs = [Cost("train-rows", "noisewise", 10**n, 3.0 * 100**n, 1.0, 1 << 29, 1 << 30, 0) for n in (1, 2, 3)]
    assert exponent(costs, lambda cost: cost.seconds) == pytest.approx(2)
    assert exponent(costs[:1], lambda cost: cost.seconds) is None
    write(costs[::-1], tmp_path / "growth")
    page = (tmp_path / "growth.md").read_text()
    assert "| 1,000 | noisewise | 3e+06 | 1 | 0.50 GiB | 1.00 GiB |" in page
    assert "exponent of the seconds 2.00" in page
    assert [Cost(**line) for line in json.loads((tmp_path / "growth.json").read_text())] == costs
    assert (tmp_path / "growth.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("what", MEASUREMENTS)
def test_every_measurement_runs(what, tmp_path):
    smallest = str(MEASUREMENTS[what].sizes[0])
    command = [sys.executable, "benchmarks/growth.py", what, "--quick", "--most", smallest]
    subprocess.run([*command, "--out", tmp_path / "growth"], check=True, cwd=PROJECT)
    assert json.loads((tmp_path / "growth.json").read_text())[0]["peak"] > 0
