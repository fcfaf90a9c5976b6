"""A failing check over a catalogue says what to do."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.advice import ADVICE, CORRUPTIONS, DETECTORS, METHODS, PROBES

TESTS = Path(__file__).parent
FILES = {
    "methods": (
        METHODS,
        ["methods/test_conformance.py", "methods/test_conformance_training.py", "methods/test_cost.py"],
    ),
    "corruptions": (CORRUPTIONS, ["noise/test_corrupt.py"]),
    "detectors": (DETECTORS, ["auditing/detectors/test_detectors.py"]),
    "probes": (PROBES, ["probes/test_conformance.py"]),
}


def checks(files):
    """The test functions of files, with the text of their decorators."""
    trees = (ast.parse((TESTS / file).read_text(encoding="utf-8")) for file in files)
    functions = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {node.name: " ".join(map(ast.unparse, node.decorator_list)) for node in functions}


@pytest.mark.parametrize("kind", FILES)
def test_advice_is_for_checks_that_exist(kind):
    advice, files = FILES[kind]
    assert advice.keys() <= checks(files).keys()


def test_every_check_over_all_methods_has_advice():
    over_all = {
        name
        for name, decorators in checks(FILES["methods"][1]).items()
        if any(word in decorators for word in ("everywhere", "settings", "sorted(METHODS)"))
    }
    assert over_all == METHODS.keys()


def test_advice_is_printed_below_the_failure(tmp_path):
    (tmp_path / "conftest.py").write_text("from tests.advice import pytest_runtest_makereport\n")
    (tmp_path / "test_it.py").write_text("def test_learns():\n    assert 0\n\n\ndef test_other():\n    assert 0\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120).stdout
    assert said.count("what to do") == 1
    assert ADVICE["test_learns"] in said
