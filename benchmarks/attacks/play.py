"""Play a case: in forks of this process, which has imported the package once."""

from __future__ import annotations

import hashlib
import importlib
import os
import pickle
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from noisewise.cli import main as noisewise
from noisewise.errors import BadInput, Diverged

from .case import FAULT, Case, Outcome, faults, matches, nothing

kills: Any = importlib.import_module("benchmarks.kills")  # which type checkers know by another name
GRACE = 10.0  # seconds in which the processes of a command that ended must end
_PREPARING = 240.0  # seconds for making an input and for looking at what came of it
_CHUNK = 1 << 16
_CACHE = "torchinductor_"  # of PyTorch, for later processes
_PROGRAM = "from noisewise.cli import main; main()"
_MOST_SAID = 1 << 20


def play(case: Case, place: Path, patience: float) -> tuple[list[str], float]:
    """Play one case in a folder of its own, which is removed afterwards.

    Args:
        case: the attack.
        place: an empty folder, or none yet.
        patience: how many times longer than promised a command may take, on a machine that has other work.

    Returns:
        What is not as promised, and the seconds that the command took.
    """
    work, home, temporary = place / "work", place / "home", place / "tmp"
    for folder in (work, home, temporary):
        folder.mkdir(parents=True)
    changed: dict[str, str | None] = {"HOME": str(home), "TMPDIR": str(temporary), **case.environment}
    try:
        if case.before is not nothing and (error := aside(case.before, work)):
            return [f"the benchmark could not make the input: {error}"], 0.0
        before = contents(work)
        outcome = _command(case, work, changed, patience)
        now = contents(work)
        outcome = Outcome(
            **{
                **vars(outcome),
                "new": tuple(sorted(set(now) - set(before))),
                "lost": tuple(
                    sorted(path for path in before if now.get(path) != before[path] and not matches(path, case.ours))
                ),
                "temporary": tuple(one for one in sorted(os.listdir(temporary)) if not one.startswith(_CACHE)),
            }
        )
        more = "" if case.after is nothing else aside(lambda: case.after(outcome), work)
        return faults(case, outcome, more), outcome.seconds
    finally:
        shutil.rmtree(place, ignore_errors=True)


def contents(folder: Path) -> dict[str, str]:
    """What files a folder holds, with a mark of their content."""
    found = {}
    for root, folders, names in os.walk(folder):
        for name in [*names, *(one for one in folders if os.path.islink(os.path.join(root, one)))]:
            path = os.path.join(root, name)
            shown = os.path.relpath(path, folder).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            if os.path.islink(path):
                found[shown] = f"link to {os.readlink(path)!r}"
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[shown] = hashlib.file_digest(file, "blake2b").hexdigest()
            else:
                found[shown] = "special"
    return found


def aside(call: Callable[[], Any], work: Path) -> str:
    """Call in a fork, in a folder; what it returned, or its error."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            os.close(reading)
            for number in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            os.chdir(work)
            said = call()
            said = said if isinstance(said, str) else ""
        except BaseException as error:
            said = "".join(traceback.format_exception_only(error)).strip() + _where(error)
        with os.fdopen(writing, "wb") as stream:
            stream.write(pickle.dumps(said.encode("utf-8", "backslashreplace")))
        os._exit(0)
    os.close(writing)
    streams, _, ended = _follow(process, {reading: bytearray()}, time.monotonic() + _PREPARING, None)
    if ended is None:
        return "it took too long"
    return pickle.loads(bytes(streams[reading])).decode() if streams[reading] else f"it ended with {ended}"


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""


def _command(case: Case, work: Path, changed: dict[str, str | None], patience: float) -> Outcome:
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    began = time.monotonic()
    process = os.fork()
    if not process:
        code = 70
        try:
            os.setsid()
            for ignored in (signal.SIGTERM, signal.SIGHUP):  # a shell may have let this process ignore them
                signal.signal(ignored, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.close(out)
            os.close(err)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out_end, 1)
            os.dup2(err_end, 2)
            for number, name in ((1, "stdout"), (2, "stderr")):
                setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115 for the rest of the process
            os.chdir(work)
            for name, value in changed.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
            _forget_places()
            most = case.memory + _held()
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
            code = _act(case)
        except SystemExit as exiting:
            code = int(exiting.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError, AttributeError):
                    continue
            os._exit(code)
    os.close(out_end)
    os.close(err_end)
    stop = None if case.stop is None else (case.stop[0], began + case.stop[1])
    streams, took, ended = _follow(process, {out: bytearray(), err: bytearray()}, began + case.seconds * patience, stop)
    until = time.monotonic() + GRACE
    while (alive := list(kills.session(process))) and time.monotonic() < until:
        time.sleep(0.02)
    for one in alive:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue
    said = [bytes(streams[stream]).decode("utf-8", "backslashreplace") for stream in (out, err)]
    return Outcome(ended, said[0], said[1], took - began, left=0 if ended is None else len(alive))


def _held() -> int:
    """Bytes of data that this process has already."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


def _forget_places() -> None:
    """Let Python look again where temporary files go."""
    import tempfile

    tempfile.tempdir = None


def _act(case: Case) -> int:
    case.inside()
    if isinstance(case.act, list) and case.program:
        script = str(Path(sys.executable).with_name("noisewise"))
        if not os.path.exists(script):
            os.execv(sys.executable, [sys.executable, "-P", "-c", _PROGRAM, *case.act])
        os.execv(script, [script, *case.act])
    if isinstance(case.act, list):
        noisewise(case.act)
    if isinstance(case.act, dict):
        for name, call in case.act.items():
            code, said = _called(call)
            if code not in case.codes:
                print(f"{FAULT}`{name}`: {ascii(said)[1:301]}")
        return 0
    code, said = _called(case.act)
    print(said, file=sys.stderr)
    return code


def _called(call: Callable[[], object]) -> tuple[int, str]:
    """The exit code that a call of the API would have, and what it says."""
    try:
        call()
    except (BadInput, Diverged) as error:
        return (2 if "\n" not in str(error) else 70), f"error: {error}"
    except Exception as error:
        return 70, f"{type(error).__name__}: {error}{_where(error)}"
    return 0, ""


def _follow(
    process: int, streams: dict[int, bytearray], until: float, stop: tuple[int, float] | None
) -> tuple[dict[int, bytearray], float, int | None]:
    """Read what a process writes until it ends; kill it when its time is over.

    Returns:
        What it wrote, when it ended, and its exit code: None if it was killed.
    """
    open_ones, code, killed = set(streams), None, False
    ended = 0.0
    while True:
        ready, _, _ = select.select(list(open_ones), [], [], 0.02)
        for stream in ready:
            piece = os.read(stream, _CHUNK)
            if not piece:
                open_ones.discard(stream)
            elif len(streams[stream]) < _MOST_SAID:
                streams[stream] += piece
        if code is None:
            number, status = os.waitpid(process, os.WNOHANG)
            if number:
                code, ended = os.waitstatus_to_exitcode(status), time.monotonic()
        if code is not None and not ready:
            break
        now = time.monotonic()
        if stop is not None and now >= stop[1] and code is None:
            os.kill(process, stop[0])
            stop = None
        if now >= until and code is None and not killed:
            os.kill(process, signal.SIGKILL)
            killed = True
    for stream in streams:
        os.close(stream)
    return streams, ended, None if killed else code
