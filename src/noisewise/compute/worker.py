"""One process that computes what it is sent, one task after the other, and ends with the process that started it."""

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
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from noisewise.compute.engine import Computation
from noisewise.compute.lease import DONE, attempt

_WATCH_SECONDS = 1.0


class Worker:
    """A process to compute in, started when it is first needed, and again when it died.

    Args:
        threads: how many each computation may use.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._guard = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._errors: IO[bytes] | None = None

    def __call__(self, task: Computation, folder: Path) -> tuple[str, str | None]:
        """What `attempt` gives, computed in the process."""
        try:
            message = pickle.dumps((task, folder))
        except Exception as error:
            return DONE, f"{task.title} cannot be sent to another process: {error}"
        try:
            connection = self._started()
            connection.send_bytes(message)
            status, said = connection.recv()
        except (EOFError, OSError):
            return DONE, self.reap()
        return status, said

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
        command = [sys.executable, "-m", __name__, str(there.fileno()), str(os.getpid())]
        with there:
            self._process = subprocess.Popen(
                command,
                env=environment,
                pass_fds=[there.fileno()],
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
        return lines[-1] if lines else f"the process ended with exit code {code}"


def serve(connection: Connection) -> None:
    """Compute whatever comes until nobody is there any more."""
    while True:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            return
        connection.send(_answer(message))


def _answer(message: bytes) -> tuple[str, str | None]:
    try:
        received: tuple[Any, Path] = pickle.loads(message)
    except Exception as error:
        return DONE, f"{type(error).__name__}: {error}"
    return attempt(*received)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_watch, args=(int(sys.argv[2]),), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        serve(Connection(int(sys.argv[1])))
