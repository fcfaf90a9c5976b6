"""Imports point one way, and no room knows a room above it."""

import ast
from pathlib import Path

import pytest

import noisewise

ROOT = Path(noisewise.__file__).parent
SHARED = {
    "_version",
    "bounds",
    "errors",
    "former_names",
    "formatting",
    "catalogue",
    "spec",
    "files",
    "figures",
    "__init__",
}
TRAINING = {"training", "data", "models"}
AUDITING = {"auditing", "methods", "noise", "compute", *TRAINING}
RUN = {"reports", "probes", "theory", *AUDITING}
STUDIES = {"run", *RUN}
BELOW = {
    "data": set(),
    "noise": {"data", "models"},
    "models": set(),
    "compute": {"data"},
    "training": {"data", "models"},
    "methods": {"theory", *TRAINING},
    "probes": {"theory", *TRAINING},
    "auditing": AUDITING - {"auditing"},
    "reports": {"probes", "auditing"},
    "run": RUN,
    "estimator": {"run", *AUDITING},
    "theory": set(),
    "bench": {"run", *AUDITING},
    "studies": STUDIES,
    "cli": {"studies", "bench", *STUDIES},
}


def rooms_imported(path: Path) -> set[str]:
    """The rooms of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "noisewise":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("noisewise.")}
    return found


FILES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.stem in BELOW)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    allowed = BELOW[room] | SHARED | {room}
    assert rooms_imported(path) <= allowed


def test_every_room_is_known():
    rooms = {p.name for p in ROOT.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert rooms <= set(BELOW)


def test_a_planted_wrong_import_is_seen(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("from noisewise.methods.targets.elr import ELR\nimport noisewise.cli\n")
    assert rooms_imported(file) == {"methods", "cli"}
