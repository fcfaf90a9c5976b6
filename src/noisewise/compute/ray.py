"""The engine for several machines: a Ray cluster, and which cluster is meant."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from noisewise.compute.engine import Lost, Unsendable, check_workers
from noisewise.errors import BadInput

ADDRESS = "RAY_ADDRESS"
WAIT_SECONDS = 5.0
RETRIES = 3


@dataclass(frozen=True)
class RayEngine:
    """Tasks of a Ray cluster, each with one CPU and one thread, and with one GPU where the cluster has any.

    The machines share no files with this one. The function and all it holds is put into the cluster's memory once. A
    task whose machine or process dies is started again, at most `RETRIES` times.

    Attributes:
        workers: how many tasks at a time at most; by default as many as the cluster has CPUs.
        say: called with one line that says which cluster it is.
        gpu: False leaves GPUs to others.

    Raises:
        BadInput: fewer than one worker.
    """

    workers: int | None = None
    say: Callable[[str], None] | None = None
    gpu: bool = True
    in_process: ClassVar[bool] = False
    shares_files: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_workers(self.workers)

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """See `Engine`; it connects to the cluster for as long as the iterator lives.

        Raises:
            BadInput: no cluster. Unsendable: the function cannot be sent.
        """
        with cluster(self.workers, self.say) as ray:
            try:
                sent = ray.put(function)
            except TypeError as error:
                raise Unsendable(f"what is to be computed cannot be sent to other machines: {error}") from error
            gpus = 1 if self.gpu and ray.cluster_resources().get("GPU", 0) >= 1 else 0
            task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_with_one_thread)
            queue = enumerate(items)
            pending: dict[Any, int] = {}
            try:
                while True:
                    most = self.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
                    refused = []
                    for number, item in islice(queue, most - len(pending)):
                        try:
                            pending[task.remote(sent, item)] = number
                        except ray.exceptions.RayError:
                            raise
                        except Exception as error:
                            said = f"{type(item).__name__} cannot be sent to another machine: {_first_line(error)}"
                            refused.append((number, Unsendable(said)))
                    yield from refused
                    if refused:
                        continue
                    if not pending:
                        return
                    (ready, *_), _ = ray.wait(list(pending), num_returns=1)
                    yield pending.pop(ready), _result(ray, ready)
            finally:
                for reference in pending:
                    ray.cancel(reference, force=True)


def _with_one_thread(function: Callable[[Any], Any], item: Any) -> Any:
    """Call the function with one thread of torch: with another number of threads a sum may be rounded differently."""
    import torch

    torch.set_num_threads(1)
    return function(item)


@contextlib.contextmanager
def cluster(workers: int | None = None, say: Callable[[str], None] | None = None) -> Iterator[Any]:
    """Give the module `ray`, connected; the connection ends with the block if it was made here.

    It is the cluster that this process is connected to already, or the one that `RAY_ADDRESS` names, or the one that
    `ray start` left running on this machine, or else one of this machine alone, which ends with the block.

    Args:
        workers: CPUs of a cluster that is started here; by default all of this machine.
        say: called with one line that says which cluster it is.

    Raises:
        BadInput: the extra is missing, or there is no cluster at the address.
    """
    ray = _imported()
    if ray.is_initialized():
        yield ray
        return
    address = _named() or _running()
    report = say or (lambda line: None)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        with _elsewhere():
            if address is not None:
                ray.init(address=address, **quiet)
            else:
                ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        if address is not None:
            report(f"ray: {int(ray.cluster_resources().get('CPU', 0))} CPUs of the cluster at {address}")
        else:
            report("ray: no cluster is running, so one of this machine alone was started")
    except (OSError, RuntimeError, ValueError, SystemExit) as error:
        ray.shutdown()
        hint = "" if address is None else " (if it asks for a token, set RAY_AUTH_MODE=token and the same token here)"
        said = f"cannot connect to the Ray cluster at {address or 'local'}: {_first_line(error)}{hint}"
        raise BadInput(said) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _elsewhere() -> contextlib.AbstractContextManager[Any]:
    """Be in the root folder while a connection is made: Ray puts the folder it is called in on its workers' path.

    A folder that holds a data set may hold a file `pandas.py` too. If the folder is on this process's path, it stays.
    """
    try:
        trusted = os.getcwd() in sys.path or "" in sys.path
    except FileNotFoundError:
        trusted = True
    return contextlib.nullcontext() if trusted else contextlib.chdir(os.sep)


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        return error.cause
    except ray.exceptions.RayError as error:
        return Lost(f"the cluster lost the work {RETRIES + 1} times: {_first_line(error)}")


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise BadInput("engine='ray' needs the extra ray: pip install noisewise[ray]") from error
    return ray


def _named() -> str | None:
    address = os.environ.get(ADDRESS, "")
    if address in ("", "auto", "local"):
        return None
    if not _answers(address):
        raise BadInput(f"no Ray cluster answers at {ADDRESS}={address}: start one with `ray start --head`")
    return address


def _running() -> str | None:
    """The address that `ray start` wrote down, if somebody answers there; a killed cluster leaves it behind.

    What another user of this machine wrote is not believed: data would be sent to a cluster of theirs, and what comes
    back from it is unpickled.
    """
    if os.environ.get(ADDRESS) == "local":
        return None
    path = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
    try:
        with path.open() as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid not in (0, os.getuid()):
                return None
            address = file.read().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return address if _answers(address) else None


def _answers(address: str) -> bool:
    """Whether anybody listens at HOST:PORT or ray://HOST:PORT; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return False
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=WAIT_SECONDS):
            return True
    except (OSError, OverflowError):
        return False


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
