"""Version, changelog and citation agree."""

import re
from pathlib import Path

import yaml

import noisewise

ROOT = Path(__file__).parents[2]


def test_the_changelog_begins_with_the_present_version():
    versions = re.findall(r"^## (\d+\.\d+\.\d+) ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.M)
    assert versions[0] == noisewise.__version__
    assert versions == sorted(versions, key=lambda one: [int(part) for part in one.split(".")], reverse=True)


def test_the_citation_is_of_the_present_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == noisewise.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {citation['version']} ({citation['date-released']})" in text
