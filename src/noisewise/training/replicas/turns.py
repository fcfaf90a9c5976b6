"""Trainings in turns: each runs until it is about to train an epoch; epochs of equal form are then trained as one.

Every training has a thread of its own, so that whatever calls it (an experiment, a recipe of several fits, a study's
function) needs no change. Only one thread runs at any moment, and hands over at the start of an epoch.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch

from noisewise.training.replicas.epoch import Epoch, can_train_stacked, train_alone, train_stacked


class _Left(BaseException):
    """Ends the thread of a training whose caller has left."""


class _Turn:
    """A training in a thread of its own.

    Args:
        call: what trains.
    """

    def __init__(self, call: Callable[[], Any]) -> None:
        self.waiting: Epoch | None = None
        self.ended = False
        self.value: Any = None
        self.error: BaseException | None = None
        self._call, self._threads = call, torch.get_num_threads()
        self._may_run, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._answer: tuple[BaseException | None, float] = (None, 0.0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go_on(self, error: BaseException | None = None, seconds: float = 0.0) -> None:
        """Let it run to its next epoch, or to its end.

        Args:
            error: raised in it in place of the epoch that it waits for.
            seconds: its share of the time that the epoch took.
        """
        self._answer, self.waiting = (error, seconds), None
        self._may_run.release()
        self._paused.acquire()

    def hand_over(self, epoch: Epoch) -> float:
        """Called in its thread: wait until the epoch is trained; returns the seconds that others took meanwhile."""
        began = time.perf_counter()
        self.waiting = epoch
        self._paused.release()
        self._may_run.acquire()
        error, seconds = self._answer
        if error is not None:
            raise error
        return time.perf_counter() - began - seconds

    def outcome(self) -> Any:
        """What it returned, or the exception that it raised; one that is meant for the caller is raised."""
        if self.error is None or isinstance(self.error, (Exception, SystemExit)):
            return self.value if self.error is None else self.error
        raise self.error

    def _run(self) -> None:
        self._may_run.acquire()
        try:
            if self._answer[0] is not None:
                raise self._answer[0]
            torch.set_num_threads(self._threads)
            _TURN.set(self)
            self.value = self._call()
        except BaseException as error:
            self.error = error
        self.ended = True
        self._paused.release()


_TURN: ContextVar[_Turn | None] = ContextVar("turn", default=None)


@dataclass
class _Known:
    """What trials have shown.

    Attributes:
        stacked: by form of epochs, whether their networks compute as one.
        shared: by forms of methods and epochs, what `can_share` found.
    """

    stacked: dict[Hashable, bool] = field(default_factory=dict)
    shared: dict[Hashable, tuple[bool, bool]] = field(default_factory=dict)


def run_epoch(epoch: Epoch) -> Generator[float, None, float]:
    """Train an epoch, along with others where the present training is one of several.

    Args:
        epoch: what to train.

    Yields:
        The share of the epoch that is done: after every step, or once for an epoch that was trained along with others.

    Returns:
        How many seconds passed in which others were trained.

    Raises:
        Diverged: a loss or a weight is not finite.
    """
    turn = _TURN.get()
    if turn is None:
        yield from train_alone(epoch)
        return 0.0
    away = turn.hand_over(epoch)
    yield 1.0
    return away


def together(
    calls: Iterable[Callable[[], Any]], at_once: int | None = None, trained: Callable[[int], None] = lambda count: None
) -> Iterator[tuple[int, Any]]:
    """Make calls that train networks, such that epochs of equal form are trained as one computation.

    Every call returns what it would return alone, to rounding: it draws the same random numbers, and keeps its own
    history, ledger and checkpoints. A call that fails, or whose networks diverge, does not stop the others.

    Args:
        calls: functions without arguments; taken when there is room for another one.
        at_once: how many of them are under way at the same time; None is all.
        trained: called after every computation with the number of replicas that it trained.

    Yields:
        The number of a call, and its value or the exception that it raised, in the order in which they end.
    """
    waiting, live = enumerate(calls), dict[int, _Turn]()
    known = _Known()
    try:
        while True:
            room = None if at_once is None else at_once - len(live)
            for number, call in itertools.islice(waiting, room):
                live[number] = _Turn(call)
                live[number].go_on()
            ended = [number for number, turn in live.items() if turn.ended]
            for number in ended:
                yield number, live.pop(number).outcome()
            if not ended and not live:
                return
            for group in _groups(list(live.values())) if not ended else ():
                _train(group, trained, known)
    finally:
        for turn in live.values():
            while not turn.ended:
                turn.go_on(_Left())


def _groups(turns: Sequence[_Turn]) -> list[list[_Turn]]:
    """Those whose epochs can be trained as one, with equal courses side by side."""
    groups: dict[Hashable, list[_Turn]] = defaultdict(list)
    for number, turn in enumerate(turns):
        assert turn.waiting is not None
        form = turn.waiting.form
        groups[number if form is None else form].append(turn)
    return [sorted(group, key=lambda turn: turn.waiting.course if turn.waiting else "") for group in groups.values()]


def _train(group: Sequence[_Turn], trained: Callable[[int], None], known: _Known) -> None:
    """Train one epoch of each, as one where that is possible, and let each go on to its next one."""
    epochs = [turn.waiting for turn in group if turn.waiting is not None]
    form = epochs[0].form
    if len(epochs) > 1 and form not in known.stacked:
        known.stacked[form] = can_train_stacked(epochs)
    if len(epochs) > 1 and known.stacked[form]:
        began = time.perf_counter()
        errors, draws = train_stacked(epochs, known.shared)
        trained(len(epochs))
        seconds = (time.perf_counter() - began) / len(epochs)
        for replica, (turn, error) in enumerate(zip(group, errors, strict=True)):
            with draws.of(replica):
                turn.go_on(error, seconds)
        return
    for turn, epoch in zip(group, epochs, strict=True):
        began = time.perf_counter()
        error = _tried(epoch)
        trained(1)
        turn.go_on(error, time.perf_counter() - began)


def _tried(epoch: Epoch) -> Exception | None:
    try:
        for _ in train_alone(epoch):
            pass
    except Exception as error:
        return error
    return None
