"""Runs the command line in this process."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from noisewise.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys) -> Callable[..., Ended]:
    """Call with the arguments of a command."""

    def call(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Ended(ended.value.code, printed.out, printed.err)

    return call
