"""The template of a plug-in, installed and used as a package of its own."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "examples" / "plugin"


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """`call(program...)` in a Python that has the template installed."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("the template is built by setuptools, which is not installed")
    work = tmp_path_factory.mktemp("plugin")
    copied, target = work / "copy", work / "installed"
    shutil.copytree(TEMPLATE, copied)

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{target}", "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, *arguments], cwd=copied, env=environment, capture_output=True, text=True, timeout=500
        )

    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target")
    ended = run(*pip, str(target), ".")
    assert ended.returncode == 0, ended.stderr
    return run


COMMAND = ("-P", "-c", "from noisewise.cli import main; main()")


def test_its_entries_are_listed_with_noisewises_own(call):
    shown = call(*COMMAND, "methods", "confidence-penalty")
    assert "beta" in shown.stdout, shown.stderr
    assert "noisewise-example 0.1.0" in shown.stdout
    assert "slipped:0.2" in call(*COMMAND, "corruptions").stdout


def test_its_bench_compares_its_method(call):
    ended = call(*COMMAND, "bench", "bench.toml", "--out", "results", "--workers", "1")
    assert ended.returncode == 0, ended.stderr
    assert "12 runs" in ended.stdout


def test_its_audit_reports_its_detector(call):
    audit = ("audit", "digits", "--rows", "200", "--model", "forest", "--corrupt", "slipped:0.3")
    ended = call(*COMMAND, *audit, "--detectors", "brier", "--out", "found")
    assert ended.returncode == 0, ended.stderr
    page = call("-c", "print(open('found/report.html', encoding='utf-8').read())").stdout
    assert "brier" in page
    assert "self-confidence" not in page


def test_its_own_tests_pass(call):
    ended = call("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert ended.returncode == 0, ended.stdout
