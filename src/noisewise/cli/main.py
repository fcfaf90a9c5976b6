"""The group of all commands, and how a command ends: an exit code, and one sentence instead of a traceback.

0    done
1    done, with a negative result (`audit --fail-above`, a failed claim or run of `study`, a failed run of `bench`)
2    bad input
70   an error inside noisewise
130  interrupted; of several processes that `torchrun` started, another one ended
141  nobody reads the output any more

SIGTERM and SIGHUP end it by the signal, after it has cleaned up (see `signals`).
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import NoReturn

import click

import noisewise
from noisewise.cli import signals, streams, torchrun
from noisewise.cli.command import SETTINGS, Group
from noisewise.cli.commands.audit import audit
from noisewise.cli.commands.bench import bench
from noisewise.cli.commands.catalogues import corruptions, detectors, methods, models, probes, sources
from noisewise.cli.commands.corrupt import corrupt
from noisewise.cli.commands.decide import decide
from noisewise.cli.commands.predict import predict
from noisewise.cli.commands.probe import probe
from noisewise.cli.commands.review import review
from noisewise.cli.commands.study import study
from noisewise.cli.commands.train import train
from noisewise.cli.text import printable
from noisewise.errors import BadInput, Diverged, ProcessEnded, nearest

BAD_INPUT, INTERNAL, INTERRUPTED, BROKEN_PIPE = 2, 70, 130, 141
_LONGEST = 2000  # characters of an error
_NO_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")
COMMANDS = (
    *(audit, train, predict, corrupt, probe, review, decide, study, bench),
    *(methods, corruptions, detectors, probes, models, sources),
)


@click.group(cls=Group, commands=COMMANDS, context_settings=SETTINGS, invoke_without_command=True)
@click.version_option(noisewise.__version__, prog_name="noisewise")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Train on, audit, corrupt and understand data with wrong labels."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its exit code.

    The present folder is not on Python's path: a file `random.py` in a data set is not run. Only a name
    "module:attribute" puts it at the end of the path, and that is said (see `noisewise.catalogue`).

    Args:
        arguments: without the program's name; by default those of this process.
    """
    streams.prepare()
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of a picture that cannot be read the error says enough
    code = _run(list(sys.argv[1:] if arguments is None else arguments))
    lost = streams.flush()
    if lost is not None and not code:
        code = BROKEN_PIPE if isinstance(lost, BrokenPipeError) else BAD_INPUT
        with streams.forgiving():
            click.echo(f"error: {_unwritten(lost)}", err=True)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    stdout = sys.stdout
    try:
        _check_folder()
        with signals.unwinding(), torchrun.joined(arguments):
            return group.main(arguments, prog_name="noisewise", standalone_mode=False) or 0
    except signals.Told as told:
        streams.flush()
        signals.end_by(told.number)
    except torchrun.Said as error:
        return _ending(error.error)[0]
    except (click.Abort, KeyboardInterrupt):
        with streams.forgiving():
            click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        streams.flush()
        return BROKEN_PIPE
    except SystemExit as ended:
        # Where nobody reads the output click puts another stream in its place and exits; rich exits.
        if sys.stdout is stdout and not isinstance(ended.__context__, BrokenPipeError):
            raise
        return BROKEN_PIPE
    except Exception as error:
        code, sentence = _ending(error)
        with streams.forgiving():
            if "--debug" in arguments:
                traceback.print_exc()
            click.echo(f"error: {printable(_bounded(sentence))}", err=True)
        return code


def _bounded(sentence: str) -> str:
    """The sentence without its middle, where it repeats a text of somebody that is too long to be read."""
    half = _LONGEST // 2
    return sentence if len(sentence) <= _LONGEST else f"{sentence[:half]} [...] {sentence[-half:]}"


def _check_folder() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise BadInput("the working folder does not exist any more: go to another one") from error


def _unwritten(error: OSError) -> str:
    return f"cannot write to the terminal: {error.strerror}"


def _ending(error: Exception) -> tuple[int, str]:
    if isinstance(error, click.NoSuchOption):
        return BAD_INPUT, _unknown_option(error)
    if isinstance(error, click.ClickException):
        return BAD_INPUT, error.format_message()
    if isinstance(error, (BadInput, Diverged)):
        return BAD_INPUT, str(error)
    if isinstance(error, ProcessEnded):
        return INTERRUPTED, str(error)
    if isinstance(error, ValueError) and "embedded null byte" in str(error):
        return BAD_INPUT, "no path can hold a null character"
    if streams.is_of_stream(error):
        return BAD_INPUT, _unwritten(error)
    if _is_memory(error):
        return BAD_INPUT, f"there is not enough memory ({_first_line(error)}); fewer rows (--rows N) need less"
    return INTERNAL, f"noisewise failed with {type(error).__name__}: {error} (--debug shows the traceback)"


def _is_memory(error: Exception) -> bool:
    """Whether memory ran out: PyTorch says so in words."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _NO_MEMORY)
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _unknown_option(error: click.NoSuchOption) -> str:
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx else []
    known = [name for parameter in parameters for name in parameter.opts if name.startswith("-")]
    return f"unknown option {error.option_name!r}{nearest(error.option_name, known)}"
