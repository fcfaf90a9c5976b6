"""One process that calls a function for the items it is sent, and ends with the process that started it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import IO, Any

import cloudpickle

from noisewise.compute.engine import Lost, Unsendable
from noisewise.compute.packed import unpack

_WATCH_SECONDS = 1.0
_LONGEST_REASON = 300


class Worker:
    """A process to compute in, started when it is first needed, and again when it died.

    Args:
        function: the packed function (see `packed`).
        threads: how many each call may use.
    """

    def __init__(self, function: IO[bytes], threads: int) -> None:
        self._function = function
        self._threads = threads
        self._guard = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._errors: IO[bytes] | None = None

    def __call__(self, item: Any) -> Any:
        """What the function returns for the item in the process, or the exception that it raises.

        `Lost` where the process ends before, `Unsendable` where the item or its result cannot be pickled.
        """
        try:
            message = pickle.dumps(item)
        except Exception as error:
            return Unsendable(f"{type(item).__name__} cannot be sent to another process: {error}")
        try:
            connection = self._started()
            connection.send_bytes(message)
            answer = connection.recv_bytes()
        except (EOFError, OSError):
            return Lost(self.reap())
        try:
            return pickle.loads(answer)
        except Exception as error:
            return Unsendable(f"a result cannot be rebuilt from what a process sent: {type(error).__name__}: {error}")

    def close(self) -> None:
        """End the process, whatever it does; it is not started again. Any thread may call this."""
        with self._guard:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _started(self) -> Connection:
        with self._guard:
            if self._closed:
                raise EOFError
            if self._connection is None:
                self._start()
            assert self._connection is not None
            return self._connection

    def _start(self) -> None:
        here, there = socket.socketpair()
        threads = str(self._threads)
        environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        # -P: or else the present folder, which may hold a data set with a file random.py, is first on the path
        program = [sys.executable, "-P", "-c", f"from {__name__} import main; main()"]
        command = [*program, str(there.fileno()), str(os.getpid()), str(self._function.fileno())]
        with there:
            self._process = subprocess.Popen(
                command,
                env=environment,
                pass_fds=[there.fileno(), self._function.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
            )
        self._connection = Connection(here.detach())

    def reap(self) -> str:
        """Wait for the end of the process, and say why it ended."""
        with self._guard:
            process, connection, errors = self._process, self._connection, self._errors
            self._process = self._connection = self._errors = None
        if process is None or connection is None or errors is None:
            return "stopped"
        with connection, errors:
            code = process.wait()
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
        if code < 0:
            reason = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
            return f"the process was ended by {signal.Signals(-code).name}{reason}"
        return _shortened(lines[-1]) if lines else f"the process ended with exit code {code}"


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 3]}..."


def serve(connection: Connection, packed: int) -> None:
    """Call the packed function for the items that come, until the other end is closed."""
    function: Callable[[Any], Any] | None = None
    while True:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            function = function or unpack(packed)
            answer = function(pickle.loads(message))
        except (Exception, SystemExit) as error:
            error.add_note("in a worker process:\n" + traceback.format_exc())
            answer = error
        connection.send_bytes(_pickled(answer))


def _pickled(answer: Any) -> bytes:
    """The answer, or, where it cannot be sent, a sentence that can."""
    try:
        content = cloudpickle.dumps(answer)
        if isinstance(answer, BaseException):
            pickle.loads(content)  # an exception with arguments of its own may fail only here
    except Exception as error:
        what = f"{type(answer).__name__}: {answer}" if isinstance(answer, BaseException) else type(answer).__name__
        content = pickle.dumps(Unsendable(f"{what} cannot be sent back from a process: {error}"))
    return content


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def main() -> None:
    """The process: its arguments are the connection, the parent's process id and the file of the packed function."""
    connection, parent, packed = (int(word) for word in sys.argv[1:])
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(Connection(connection), packed)
