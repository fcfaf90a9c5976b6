"""How commands end: exit codes, one sentence, no traceback."""

import subprocess
import sys

import pytest

import noisewise
from noisewise.cli.main import COMMANDS
from noisewise.errors import BadInput, Diverged


def raising(error):
    def call(*arguments, **options):
        raise error

    return call


def sentence(ended):
    """The only line on stderr, without the word error."""
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("error: ")
    return ended.err.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["adit"], "unknown command 'adit' (did you mean 'audit'?)"),
        (["audit", "digits", "--epoch", "3"], "unknown option '--epoch' (did you mean '--epochs'?)"),
        (["audit", "--out", "x"], "Missing argument 'SOURCE'."),
        (["train", "digits"], "Missing option '--out'."),
        (
            ["train", "digits", "--epochs", "0", "--out", "x"],
            "Invalid value for '--epochs': 0 is not in the range x>=1.",
        ),
    ],
)
def test_usage_errors_are_one_sentence(run, arguments, expected):
    ended = run(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert sentence(ended) == expected


@pytest.mark.parametrize("option", ["--method", "--model", "--corrupt"])
def test_a_text_of_any_length_is_refused_in_a_sentence_that_can_be_read(run, option):
    ended = run("train", "digits", option, "x" * 100_000, "--out", "out")
    assert ended.code == 2
    assert len(sentence(ended)) < 2100


@pytest.mark.parametrize("share", ["nan", "-0.1", "1.5"])
def test_a_share_lies_between_0_and_1(run, share):
    ended = run("audit", "digits", f"--fail-above={share}", "--out", "x")
    assert ended.code == 2
    assert "must lie between 0 and 1" in sentence(ended)


@pytest.mark.parametrize("source", ["os.path:join", "sys:exit", "json:loads"])
def test_a_source_that_is_no_function_of_ones_own(run, source):
    ended = run("audit", source, "--out", "out")
    assert ended.code == 2
    assert sentence(ended).startswith(f"source {source} failed when it was called: ")


def test_a_null_character_in_a_path(run):
    ended = run("review", "a\0b", "--out", "a\0b")
    assert ended.code == 2
    assert "null" in sentence(ended)


@pytest.mark.parametrize("error", [BadInput("no such thing"), Diverged("no such thing")])
def test_errors_a_person_can_cause(run, monkeypatch, error):
    monkeypatch.setattr(noisewise, "load", raising(error))
    ended = run("corrupt", "digits", "symmetric:0.1", "--out", "x.npz")
    assert (ended.code, ended.out, sentence(ended)) == (2, "", "no such thing")


def test_an_error_is_one_line_that_no_terminal_obeys(run, monkeypatch):
    monkeypatch.setattr(noisewise, "load", raising(BadInput("two\nlines \x1b[31mred")))
    ended = run("corrupt", "digits", "symmetric:0.1", "--out", "x.npz")
    assert sentence(ended) == "two lines ?[31mred"


def test_an_error_inside_is_told_apart_and_debug_shows_it(run, monkeypatch):
    monkeypatch.setattr(noisewise, "load", raising(KeyError("lost")))
    ended = run("corrupt", "digits", "symmetric:0.1", "--out", "x.npz")
    assert ended.code == 70
    assert "KeyError" in sentence(ended)
    shown = run("corrupt", "digits", "symmetric:0.1", "--out", "x.npz", "--debug")
    assert shown.code == 70
    assert "Traceback" in shown.err


def test_interrupted(run, monkeypatch):
    monkeypatch.setattr(noisewise, "load", raising(KeyboardInterrupt()))
    ended = run("corrupt", "digits", "symmetric:0.1", "--out", "x.npz")
    assert ended.code == 130
    assert ended.err.strip() == "interrupted"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_with_an_example_and_json(run, command):
    ended = run(command.name, "--help")
    assert ended.code == 0
    assert f"Example:\n  noisewise {command.name}" in ended.out
    assert "--json" in ended.out
    assert "--debug" in ended.out


def test_no_command_shows_the_help(run):
    ended = run()
    assert ended.code == 0
    assert all(command.name in ended.out for command in COMMANDS)


def test_version(run):
    assert run("--version").out.strip().endswith(noisewise.__version__)


def test_help_does_not_wait_for_heavy_imports():
    code = (
        "import sys\nfrom noisewise.cli import main\ntry:\n    main(['audit', '--help'])\nexcept SystemExit:\n"
        "    sys.exit(repr({'torch', 'pandas', 'numpy'} & set(sys.modules)) if 'numpy' in sys.modules else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
