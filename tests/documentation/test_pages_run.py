"""Every block of code in the documentation runs, on inputs made small."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pandas as pd
import pytest
import yaml

from doc_blocks import PROGRAMS, Block, blocks
from noisewise.bench.grid import expand
from noisewise.cli import main
from noisewise.cli.main import group

ROOT = Path(__file__).parents[2]
pytestmark = [  # pages may leave it to Python to close a file
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
# Pages whose code a test of their own runs, and checks more of.
CHECKED = {
    "docs/own-loop.md": "tests/test_own_loop.py",
    "docs/scikit-learn.md": "tests/estimators/test_page.py",
}
# Run by .ci/run itself, or needing what a test has not: packages, a network, another machine.
NOT_HERE = ("cd", "pip", "make", "git", "ray", "export", "Rscript", "pytest")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    if any(block.language != "text" for block in blocks(path.read_text(encoding="utf-8")))
)
GENERATED = [page for page in PAGES if page.startswith("docs/methods/")]
WRITTEN = [page for page in PAGES if page not in GENERATED]


def blocks_of(page: str) -> list[Block]:
    return blocks((ROOT / page).read_text(encoding="utf-8"))


def run_blocks(page: str, chosen: list[Block], folder: Path) -> None:
    """Run blocks of a page one after the other in the present folder, with one set of Python names."""
    names: dict[str, object] = {"__name__": "__page__"}
    for block in chosen:
        where = f"{page}:{block.line}"
        if "file" in block.marks:
            (folder / block.marks["file"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.marks["file"]).write_text(block.text, encoding="utf-8")
        elif "not run" in block.marks:
            check_only(where, block)
        elif block.language == "python":
            exec(compile("\n" * block.line + block.text, where, "exec"), names)
        elif block.language == "toml":
            if "method" in (spec := tomllib.loads(block.text)):
                expand(spec)
        elif block.language in ("yaml", "yml"):
            yaml.safe_load(block.text)
        elif block.language == "shell":
            for line in block.commands():
                run_command(where, line, int(block.marks.get("exit", 0)))


def words_of(line: str) -> list[str]:
    """The words of a command, without the variables that it sets."""
    return [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=.*", word)]


def run_command(where: str, line: str, code: int = 0) -> None:
    program, *words = words_of(line)
    if program == "noisewise":
        if words[0] == "decide":
            review(words[2:])
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == code, f"{where}: {line} ended with {ended.value.code}"
    elif program == "python" and "benchmarks" in line:
        script = words[1].replace(".", "/") if words[0] == "-m" else words[0].removesuffix(".py")
        found = (ROOT / f"{script}.py").is_file() or (ROOT / script / "__main__.py").is_file()
        assert found, f"{where}: there is no {script}"
    elif program == "python":
        subprocess.run([sys.executable, *words], check=True, timeout=300)
    elif program != "...":  # a command that was given in full before
        assert program in NOT_HERE, f"{where}: {line} is no command that a test knows"


def review(words: list[str]) -> None:
    """Keep every label of those files of decisions that have none yet, as a person might who reviews them."""
    for path in (Path(word) for word in words if word.endswith(".csv")):
        rows = pd.read_csv(path, dtype=str) if path.exists() else pd.DataFrame()
        if "decision" in rows and rows["decision"].isna().all():
            rows.assign(decision="keep").to_csv(path, index=False)


def check_only(where: str, block: Block) -> None:
    """What holds for code that is not run: it is Python, or its commands and their options exist."""
    assert block.marks["not run"], f"{where}: says why it is not run"
    if block.language == "python":
        compile(block.text, where, "exec")
    for line in block.commands() if block.language == "shell" else []:
        words = words_of(line)
        assert words[0] in PROGRAMS, f"{where}: {line} is no command that a test knows"
        if words[0] in ("noisewise", "torchrun") and "noisewise" in words:
            parse(words[words.index("noisewise") + 1 :])


def parse(words: list[str]) -> click.Context:
    """The context of a command whose arguments are legal.

    Raises:
        click.UsageError: they are not.
    """
    top = click.Context(group, info_name="noisewise")
    name, command, rest = group.resolve_command(top, words)
    return command.make_context(name, rest, parent=top)


@pytest.mark.parametrize("page", [page for page in WRITTEN if page not in CHECKED])
def test_quick_blocks_of_a_page_run(page, workplace):
    found = blocks_of(page)
    run_blocks(page, [block for block in found if block.quick], workplace)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in WRITTEN if page not in CHECKED and not all(block.quick for block in blocks_of(page))]
)
def test_all_blocks_of_a_page_run(page, workplace):
    run_blocks(page, blocks_of(page), workplace)


@pytest.mark.parametrize("page", GENERATED)
def test_commands_of_generated_pages_are_legal(page):
    for block in blocks_of(page):
        for line in block.commands() if block.language == "shell" else []:
            parse(shlex.split(line)[1:])


@pytest.mark.slow
@pytest.mark.parametrize("page", GENERATED)
def test_commands_of_generated_pages_run(page, workplace):
    run_blocks(page, blocks_of(page), workplace)


@pytest.mark.parametrize("page", CHECKED)
def test_pages_checked_elsewhere_are(page):
    assert Path(page).name in (ROOT / CHECKED[page]).read_text(encoding="utf-8")


PAGE = """\
Text.

    noisewise audit X --out Y    # a comment

<!-- slow -->
```python
import noisewise
```

<!-- not run: needs a cluster -->
```bash
ray start \\
    --head
$ noisewise models && noisewise probes
printed
```

    a -> b
"""


def test_blocks_are_found_with_their_marks():
    one, two, three, four = blocks(PAGE)
    assert (one.language, one.commands(), one.line) == ("shell", ["noisewise audit X --out Y"], 3)
    assert (two.language, two.quick, one.quick) == ("python", False, True)
    assert three.marks == {"not run": "needs a cluster"}
    assert three.commands() == ["noisewise models", "noisewise probes"]
    assert (four.language, four.marks) == ("text", {})


@pytest.mark.parametrize(
    "text, error",
    [
        ("```python\nraise KeyError\n```", KeyError),
        ("```bash\nnoisewise audit nothing.csv --out x\n```", AssertionError),
        ("```bash\nunknown-program\n```", AssertionError),
        ("<!-- not run: why -->\n```bash\nnoisewise audit x --outt y\n```", click.UsageError),
        ("<!-- not run -->\n```bash\nnoisewise models\n```", AssertionError),
        ("<!-- exit: 1 -->\n```bash\nnoisewise models\n```", AssertionError),
        ("```toml\n[\n```", tomllib.TOMLDecodeError),
    ],
)
def test_a_broken_block_is_seen(text, error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        run_blocks("page.md", blocks(text), tmp_path)
