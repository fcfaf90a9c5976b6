"""Imports point one way and never in a circle; files are short and folders hold few of them."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SOURCES = PROJECT / "src"
PACKAGE = "noisewise"
MOST_LINES = 400
MOST_FILES = 15

SHARED = {
    "__init__",
    "_version",
    "allowance",
    "bounds",
    "catalogue",
    "devices",
    "doors",
    "errors",
    "figures",
    "files",
    "former_names",
    "formatting",
    "memory",
    "spec",
    "threads",
}
TRAINING = {"training", "data", "models"}
AUDITING = {"auditing", "methods", "noise", "compute", "judgement", *TRAINING}
RUN = {"reports", "probes", "theory", *AUDITING}
STUDIES = {"run", *RUN}
# What each package may import, besides itself and SHARED.
BELOW = {
    "data": {"models"},
    "noise": {"data", "models"},
    "models": set(),
    "compute": {"data"},
    "training": {"data", "models"},
    "judgement": set(),
    "methods": {"theory", "judgement", *TRAINING},
    "probes": {"theory", *TRAINING},
    "auditing": AUDITING - {"auditing"},
    "reports": {"probes", "auditing", "data"},
    "run": RUN,
    "losses": {"methods", "training"},
    "estimators": {"run", *AUDITING},
    "integrations": {"auditing", "methods", "training"},
    "theory": set(),
    "bench": {"run", *AUDITING},
    "studies": STUDIES,
    "cli": {"studies", "bench", *STUDIES},
    "__main__": {"cli"},
}


def modules(sources: Path) -> dict[str, Path]:
    """The file of every module below `sources`, by its dotted name."""
    found = {}
    for path in sorted(sources.rglob("*.py")):
        parts = path.relative_to(sources).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, name: str, known: Mapping[str, Path]) -> set[str]:
    """The modules among `known` that a file names, at its top, in a function or for the type checker alone."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            named |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names}
        elif isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    return {target for target in named if target in known} - {name}


def import_graph(sources: Path) -> dict[str, set[str]]:
    """For every module the modules that it imports."""
    known = modules(sources)
    return {name: imports(path, name, known) for name, path in known.items()}


def pointing_up(graph: Mapping[str, set[str]], below: Mapping[str, set[str]]) -> list[str]:
    """Imports of a package that does not lie below the importing one."""
    found = []
    for name, targets in graph.items():
        package = name.split(".")[1] if "." in name else ""
        if not package or package in SHARED:
            allowed, package = SHARED | (set() if package else set(below)), package or "__init__"
        elif package not in below:
            found.append(f"{name} lies in a package that BELOW does not know")
            continue
        else:
            allowed = below[package] | SHARED | {package}
        for target in sorted(targets):
            if (target.split(".")[1] if "." in target else "__init__") not in allowed:
                found.append(f"{name} imports {target}, which is not below it")
    return found


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    """Groups of modules each of which imports, directly or not, every other one of the group."""
    reached = {name: _reached(graph, name) for name in graph}
    groups = {frozenset(other for other in reached[name] if name in reached[other]) for name in graph}
    return sorted(f"circle: {' <-> '.join(sorted(group))}" for group in groups if group)


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found


def too_long(root: Path, folders: Iterable[str]) -> list[str]:
    """Files of more than 400 lines."""
    counted = [(path, len(path.read_text(encoding="utf-8").splitlines())) for path in _files(root, folders)]
    return [f"{path.relative_to(root)} has more than {MOST_LINES} lines" for path, n in counted if n > MOST_LINES]


def too_full(root: Path, folders: Iterable[str]) -> list[str]:
    """Folders with more than 15 Python files at one level, `__init__.py` and `conftest.py` not counted."""
    held: dict[Path, int] = {}
    for path in _files(root, folders):
        held[path.parent] = held.get(path.parent, 0) + (path.name not in ("__init__.py", "conftest.py"))
    return [
        f"{folder.relative_to(root)} holds more than {MOST_FILES} files" for folder, n in held.items() if n > MOST_FILES
    ]


def _files(root: Path, folders: Iterable[str]) -> list[Path]:
    return sorted(path for folder in folders for path in (root / folder).rglob("*.py"))


def offences(root: Path, below: Mapping[str, set[str]] = BELOW) -> list[str]:
    """All that is wrong with the layout of a project."""
    graph = import_graph(root / "src")
    folders = ("src", "tests", "tools", "benchmarks", "examples")
    return pointing_up(graph, below) + circles(graph) + too_long(root, folders) + too_full(root, folders)


def test_the_layout_holds():
    found = offences(PROJECT)
    assert not found, "\n" + "\n".join(found)


def test_every_package_has_its_place():
    packages = {path.name.removesuffix(".py") for path in (SOURCES / PACKAGE).iterdir()}
    assert set(BELOW) <= packages


@pytest.fixture
def project(tmp_path):
    """`project(path, text)` adds a file; without arguments, the offences of a project that starts without any."""

    def write(path=None, text=""):
        if path is None:
            return offences(tmp_path, {"low": set(), "high": {"low"}})
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return None

    for package in ("", "low/", "high/"):
        write(f"src/noisewise/{package}__init__.py")
    write("src/noisewise/errors.py")
    write("src/noisewise/low/one.py", "import noisewise.errors\n")
    write("src/noisewise/high/two.py", "from noisewise.low import one\nfrom noisewise.errors import BadInput\n")
    assert write() == []
    return write


LAZY = "def f():\n    {}\n"
TYPED = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    {}\n"


@pytest.mark.parametrize("form", ["{}\n", LAZY, TYPED])
@pytest.mark.parametrize(
    "line",
    [
        "from noisewise.high.two import f",
        "import noisewise.high.two",
        "from ..high import two",
        "from noisewise.high import two",
    ],
)
def test_an_import_that_points_up_is_seen(project, form, line):
    project("src/noisewise/low/bad.py", form.format(line))
    assert project() == ["noisewise.low.bad imports noisewise.high.two, which is not below it"]


def test_shared_modules_import_no_package(project):
    project("src/noisewise/errors.py", "from noisewise.low import one\n")
    (up, circle) = project()
    assert up == "noisewise.errors imports noisewise.low.one, which is not below it"
    assert circle == "circle: noisewise.errors <-> noisewise.low.one"


def test_a_package_without_a_place_is_seen(project):
    project("src/noisewise/new/__init__.py")
    assert project() == ["noisewise.new lies in a package that BELOW does not know"]


@pytest.mark.parametrize("form", ["{}\n", LAZY, TYPED])
def test_a_circle_of_modules_is_seen(project, form):
    project("src/noisewise/low/a.py", "from noisewise.low.b import x\n")
    project("src/noisewise/low/b.py", "from . import c\n")
    project("src/noisewise/low/c.py", form.format("from noisewise.low.a import y"))
    assert project() == ["circle: noisewise.low.a <-> noisewise.low.b <-> noisewise.low.c"]


def test_a_long_file_is_seen(project):
    project("tests/test_long.py", "\n" * 400)
    assert project() == []
    project("tests/test_long.py", "\n" * 401)
    assert project() == ["tests/test_long.py has more than 400 lines"]


def test_a_full_folder_is_seen(project):
    for name in ["__init__", "conftest", *(f"f{number}" for number in range(15))]:
        project(f"tools/{name}.py")
    assert project() == []
    project("tools/one_more.py")
    assert project() == ["tools holds more than 15 files"]
