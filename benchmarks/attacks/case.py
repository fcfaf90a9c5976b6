"""One attack: what is there, what is done, and what was promised of it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass, field

MIB = 1 << 20
FAULT = "not as promised: "  # before a fault of one of several calls
ENDS = (0, 2)  # done, or bad input in one sentence
_LITTER = ("*.writing.*", ".????????????????", ".????????????????.*", "*/.????????????????", "*/.????????????????.*")
_BESIDE = re.compile(
    r"(audit|bench|study|train|embed\w*|features|folds?|note|warning|source)\b.*|epoch +\d.*|\s*|[^:]*\d %.*"
)
_WARNING = re.compile(r"\.py:\d+: \w*Warning|^\w*Warning:|^(libtiff|TIFF\w+|libpng)\b", re.MULTILINE)
_LONGEST = 2500  # characters of a sentence


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: its exit code, negative for a signal; None if it was still running when its time was over.
        out: what it printed.
        err: what it printed to stderr.
        seconds: how long it took.
        new: files that were not there before, relative to the working folder.
        lost: files that were there before and are gone or hold something else.
        temporary: what it left in the folder for temporary files.
        left: number of its processes that were alive after it had ended.
    """

    code: int | None
    out: str = ""
    err: str = ""
    seconds: float = 0.0
    new: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()
    left: int = 0


def nothing(*_: object) -> str:
    return ""


@dataclass(frozen=True)
class Case:
    """One attack.

    Attributes:
        category: the line of the table that it counts in, such as "2a".
        name: what is attacked, in a few words.
        act: the arguments of `noisewise`, or a function that calls the API, or several of these by name, each of which
            counts as a case of its own.
        before: makes the input in the present folder, an empty one.
        codes: the exit codes that are promised.
        after: called in the same folder with the outcome; what else is not as promised, "" if all is.
        ours: patterns of the paths that the command may write.
        kept: whether a command that refuses may leave files there: those of an earlier one, or of a training that was
            stopped.
        inside: called in the command's process right before it starts: limits, streams.
        program: whether a new Python starts the command, as from a shell, with the variables in `environment`.
        environment: variables that differ; None removes one.
        stop: a signal, and the seconds after which it is sent.
        seconds: after which the command counts as hanging.
        memory: bytes of data that the command may take, besides what the start takes.
        silent: whether nothing is said of stderr: it leads elsewhere.
        skip: why the case is not run.
    """

    category: str
    name: str
    act: list[str] | Callable[[], object] | dict[str, Callable[[], object]]
    before: Callable[[], object] = nothing
    codes: tuple[int, ...] = ENDS
    after: Callable[[Outcome], str] = nothing
    ours: tuple[str, ...] = ("out", "out.*", "out/*")
    kept: bool = False
    inside: Callable[[], object] = nothing
    program: bool = False
    environment: dict[str, str | None] = field(default_factory=dict)
    stop: tuple[int, float] | None = None
    seconds: float = 60.0
    memory: int = 3072 * MIB
    silent: bool = False
    skip: str = ""

    @property
    def tries(self) -> int:
        """How many attacks it is."""
        return len(self.act) if isinstance(self.act, dict) else 1

    @property
    def command(self) -> str:
        """For the list of what is not as promised."""
        if not isinstance(self.act, list):
            return f"`{self.name}`"
        words = [word if re.fullmatch(r"[\w./:=,+%@-]+", word) else ascii(word)[:80] for word in self.act]
        return f"{self.name}: `noisewise {' '.join(words)}`"


def faults(case: Case, outcome: Outcome, more: str = "") -> list[str]:
    """What is not as promised.

    Args:
        case: the attack.
        outcome: how it ended.
        more: what `case.after` found.

    Returns:
        A sentence for each fault.
    """
    found = [line.removeprefix(FAULT) for line in outcome.out.splitlines() if line.startswith(FAULT)]
    last = outcome.err.strip().splitlines()[-1:] or ["nothing on stderr"]
    if outcome.code is None:
        found.append(f"still running after {case.seconds:.0f} s")
    elif outcome.code not in (codes := case.codes if case.tries == 1 else (0,)):
        found.append(f"exit code {outcome.code}, not {' or '.join(map(str, codes))}: {last[0][:300]}")
    if "Traceback (most recent" in outcome.err:
        found.append("a traceback")
    if not case.silent:
        found += _spoken(outcome)
    if outcome.lost:
        found.append(f"lost or changed: {', '.join(outcome.lost[:4])}")
    written = [path for path in outcome.new if not matches(path, case.ours)]
    if written:
        found.append(f"written where nothing was asked for: {', '.join(written[:4])}")
    if outcome.code not in (0, 1, 3) and not case.kept and set(outcome.new) - set(written):
        found.append(f"left behind: {', '.join(sorted(set(outcome.new) - set(written))[:4])}")
    litter = [path for path in outcome.new if matches(path, _LITTER)] + [f"$TMPDIR/{one}" for one in outcome.temporary]
    if litter:
        found.append(f"litter: {', '.join(litter[:4])}")
    if outcome.left:
        found.append(f"{outcome.left} processes left")
    return [*found, *([more] if more else [])]


def _spoken(outcome: Outcome) -> list[str]:
    found = []
    lines = outcome.err.splitlines()
    said = [line for line in lines if line.startswith("error: ")]
    if outcome.code == 2:
        if len(said) != 1:
            found.append(f"{len(said)} sentences of error, not one: {(lines or ['nothing'])[-1][:200]}")
        elif len(said[0]) > _LONGEST:
            found.append(f"an error of {len(said[0])} characters")
        beside = [line for line in lines if line not in said and not _BESIDE.fullmatch(line)]
        if beside:
            found.append(f"beside the error: {beside[0][:200]}")
    if _WARNING.search(outcome.err):
        found.append(f"a warning of a library: {next(line for line in lines if _WARNING.search(line))[:200]}")
    if "\x1b" in outcome.out + outcome.err:
        found.append("an escape sequence reached the terminal")
    return found


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
