"""The example study, importable here and in the processes that compute its runs."""

import importlib
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example"


@pytest.fixture
def example(monkeypatch):
    """The module of the example study."""
    monkeypatch.syspath_prepend(EXAMPLE)
    return importlib.import_module("mean_error")


@pytest.fixture
def catalogued(example, monkeypatch):
    """The example study, in the catalogue under its name."""
    from noisewise.studies import STUDIES

    monkeypatch.setitem(STUDIES._own, "mean-error", "mean_error:STUDY")
    return example.STUDY
