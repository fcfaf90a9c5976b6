"""The page of results."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .result import Result

TITLES = {
    "1a": "commands killed at random moments and given again",
    "1c": "killed before a chosen rename",
    "1d": "resumed with something else changed",
    "1e": "broken checkpoints",
    "2a": "broken and odd source files",
    "2b": "options, paths and TOML",
    "2c": "decisions and damaged audit folders",
    "2d": "values of other kinds in the Python API",
    "2f": "damaged copies of data files",
    "2h": "file size limit as a full disk, folders that cannot be written",
    "2i": "closed streams, locales, deleted folders, code in the working folder",
    "2j": "signals",
    "3": "hostile names and files",
    "4": "two writers of one folder",
    "5": "memory",
    "6": "numbers of every method",
    "7": "rights of files, formulas",
}
# The first attack: what was tried, and what was not as promised. None: it did not count this.
BEFORE: dict[str, tuple[int, int] | None] = {
    "1a": (55, 0),
    "1c": (4, 4),
    "1d": (14, 5),
    "1e": (71, 10),
    "2a": (197, 57),
    "2b": (388, 38),
    "2c": (283, 7),
    "2d": (337, 90),
    "2f": (97_960, 965),
    "2h": (129, 0),
    "2i": (53, 12),
    "2j": (15, 3),
    "3": (17, 4),
    "4": (55, 1),
    "5": (18, 9),
    "6": (588, 0),
    "7": None,
}
ELSEWHERE = (
    "every method stopped after its checkpoints and resumed (1b): `tests/methods` asks it of every method",
    "texts of specs at random (2e), damaged pictures (2g): `tests/fuzz` and `tests/settings` hold them by the thousand",
    "pages in a browser (3): here the markup is parsed, and no browser is started",
    "Ray, sources on the hub, and a real Ghostscript: not installed here",
)
WAITING = "was not reached"
TEXT = """# An attack from outside

Made by `python -m benchmarks.attacks --patience 5 --out docs/results/attacks.md`; the commands took {minutes:.0f}
minutes on two cores with much other work. A case is an input made in an empty folder, a command or a call of the API,
and what the documentation promises of it:

- The exit code is 0, 1 (a negative result), 2 (bad input) or 130 (interrupted). 70, an error inside noisewise, is never
  promised.
- Bad input is one sentence on stderr. There is no traceback, and no warning of a library.
- Nothing is written but what was asked for, and a command that refuses leaves nothing. Nothing of the person's is
  changed.
- No temporary file and no process stays behind. The command ends within a minute, unless the case says otherwise, and
  within its memory. `--patience 5` waits five times as long before it counts a command as hanging.
- Where wrong data were the aim of an attack, the content is compared.

Cases run in forks of one process that has imported the package; those about streams, locales and search paths run in a
new Python. A hostile module or a false Ghostscript would leave a mark in the working folder.

*Before* is an attack by hand on an earlier version, by other scripts: numbers of cases differ, but the kinds of attacks
and nearly all the failures that it reported are among the cases here. Cases that were *not reached* are not known.

{table}

{skipped}Not repeated here:

{elsewhere}

## Not as promised

{failures}
"""


def page(results: Sequence[Result]) -> str:
    """The page.

    Args:
        results: of all cases.
    """
    skipped = [f"- {result.command}: {result.skip}" for result in results if result.skip not in ("", WAITING)]
    return TEXT.format(
        minutes=sum(result.seconds for result in results) / 60,
        table=table(results),
        skipped="Skipped:\n\n" + "\n".join(skipped) + "\n\n" if skipped else "",
        elsewhere="\n".join(f"- {one}" for one in ELSEWHERE),
        failures=failures(results) or "Nothing.",
    )


def table(results: Sequence[Result]) -> str:
    """Cases by category, before and now."""
    tried: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for result in results:
        tried[result.category] += result.tried
        bad[result.category] += result.bad
        skipped[result.category] += bool(result.skip) and result.skip != WAITING
        waiting[result.category] += result.tries if result.skip == WAITING else 0
    lines = [
        "| | category | before: tried | not as promised | now: tried | as promised | not | skipped | not reached |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key in TITLES:
        if not tried[key] + skipped[key] + waiting[key]:
            continue
        before = BEFORE[key]
        was = f"{before[0]:,} | {before[1]:,}" if before else " | "
        now = f"{tried[key]:,} | {tried[key] - bad[key]:,} | {bad[key]:,} | {skipped[key]:,} | {waiting[key]:,}"
        lines.append(f"| {key} | {TITLES[key]} | {was} | {now} |")
    total, wrong = tried.total(), bad.total()
    lines.append(
        f"| | all | | | {total:,} | {total - wrong:,} | {wrong:,} | {skipped.total():,} | {waiting.total():,} |"
    )
    return "\n".join(lines)


def failures(results: Sequence[Result]) -> str:
    """Every case that is not as promised, with its command and what happened."""
    return "\n".join(
        f"- {result.category}: {_plain(result.command)}: {_plain('; '.join(result.faults))}"
        for result in results
        if result.faults
    )


def _plain(text: str) -> str:
    """Text of data for Markdown: without control characters and markup."""
    text = re.sub(r"/\S*?/(?=src/noisewise/|work/)", "", text)  # where this machine keeps the sources
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    return shown.replace("<", "&lt;")
