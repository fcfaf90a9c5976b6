"""Write the pages of a campaign: `python -m benchmarks.campaign.pages docs runs/campaign/results.jsonl ...`.

Result files are merged into `docs/results/campaign.csv`, from which everything is written; without files the pages are
written anew from it. Cells may be missing: sentences and columns without cells are left out. What is written by hand,
between the two marks of a page, stays.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from noisewise.files import whole

from . import tables
from .measured import PARTS, compared, finished, gathered, write_csv
from .sentences import choice, ordered, ten

BEGIN, END = "<!-- by hand: begin -->", "<!-- by hand: end -->"
SETTING = (
    "60 epochs of 10,000 rows: Fashion-MNIST with LeNet, and CIFAR-10 with human labels with the fast network; 9,000 "
    "rows train, 1,000 with their noisy labels select the epoch, unless the method says which one it keeps"
)
OTHER_PARTS = ("others", "fine-tuning", "imbalance")
GPU_LINK = "- [CIFAR-10, PreActResNet-18](results/gpu.md), beside published numbers\n"
SECTION = "## Training in spite of noise"
COMMAND = (
    "    make gpu CAMPAIGN=runs/campaign\n    python -m benchmarks.campaign.pages docs runs/campaign/results.jsonl\n"
)

_RESULTS = """\
{section}

{command}
{setting}. Every method has its defaults; none is told the noise rate. Differences to `ce` of the same case and
seed, in points of test accuracy: the mean over cells (case and seed) with its 95 % interval (Student's t, cells taken
as independent), at the epoch selected on noisy rows and at the last one. *cost*: passes through a network, relative to
`ce`. Trainings ran on {devices}.

{table}

{sentences}

{orderings}

{by_hand}

- [All accuracies](results/methods.md), by case
- [Which of these should I use?](choosing.md)
{gpu}
"""

_CHOOSING = """\
# Which of these should I use?

{command}
Test accuracy in percent at the epoch that noisy held-out rows select, which is what `noisewise train` keeps.
{setting}. Methods have their defaults and are not told the noise rate. Methods within {close} points of the best are
named with it, at most {named}: such differences are not significant. *tuned* is `ce` with the learning rate, weight
decay and length that noisy held-out rows prefer.

{table}

{sentences}

{by_hand}
{imbalance}
Two small networks, two data sets. Measure the methods on *your* data: `noisewise bench` runs such a grid on any source
with one command, and an [audit](quickstart.md) estimates the kind and amount of noise. [Results](results.md) has all
methods with intervals.
"""

_IMBALANCE = """
## When classes differ in size

Fashion-MNIST with a long tail, the largest class 50 times the smallest, before the noise; the test rows are balanced,
so this is the mean accuracy over classes.

{table}

"""

_GPU = """\
# CIFAR-10, PreActResNet-18

{command}
All 50,000 rows, one seed, by the presets but for the network, which is the same for all, and bfloat16, on {devices}.
The trainings are **shortened**: {lengths}. Schedules keep their shape, and options that count epochs shrink likewise.
The images are JPEG of about quality 75, not the lossless original. The published numbers (best epoch, full length) are
those that the repository of ProMix collects; they are no goal for trainings of this length.

{table}

{by_hand}

[All results](../results.md)
"""

_METHODS = """\
# Every method under every noise

{command}
{setting}. Test accuracy in percent, the mean over seeds with the standard deviation where there are several. Sorted by
the mean difference to `ce`.

## Last epoch

{last}

## Epoch selected on noisy held-out rows

{selected}
{more}"""


def write(docs: Path, paths: Iterable[Path] = ()) -> None:
    """Merge result files into the table, and write the pages that its cells allow."""
    results = docs / "results"
    table = gathered(results / "campaign.csv", paths)
    write_csv(table, results / "campaign.csv")
    found, failures = finished(table), int((table["failed"].notna() & table["part"].isin(PARTS)).sum())
    main = compared(found)
    runs = found[found["part"] == "published"]
    if not runs.empty:
        _write(results / "gpu.md", _gpu(runs, results / "gpu.md"))
    if not main.empty:
        _write(results / "methods.md", _methods(main, found[found["part"].isin(OTHER_PARTS)]))
        _write_methods(pd.concat([main, found[found["part"] == "others"]]), results / "methods.csv")
        _write(docs / "choosing.md", _choosing(main, found[found["part"] == "imbalance"], docs / "choosing.md"))
        _write_section(docs / "results.md", main, failures)


def _methods(main: pd.DataFrame, others: pd.DataFrame) -> str:
    more = ""
    for part, rows in others.groupby("part", sort=False):
        data = f"{rows['model'].iloc[0]}, {int(rows['epochs'].iloc[0])} epochs of {rows['source'].iloc[0]}"
        more += f"\n## {str(part).capitalize()}: {data}\n"
        for column in ("last", "selected"):
            more += f"\n{column.capitalize()} epoch.\n\n{tables.everything(rows, column)}\n"
    both = {column: tables.everything(main, column) for column in ("last", "selected")}
    return _METHODS.format(command=COMMAND, setting=SETTING, more=more, **both)


def _choosing(main: pd.DataFrame, imbalance: pd.DataFrame, path: Path) -> str:
    uneven = "" if imbalance.empty else _IMBALANCE.format(table=tables.recommended(imbalance))
    return _CHOOSING.format(
        command=COMMAND,
        setting=SETTING,
        close=tables.CLOSE,
        named=tables.NAMED,
        table=tables.recommended(main),
        sentences=_listed(choice(main)),
        imbalance=uneven,
        by_hand=_kept(path),
    )


def _gpu(runs: pd.DataFrame, path: Path) -> str:
    lengths = sorted({f"{epochs:.0f} epochs" for epochs in runs["epochs"]})
    return _GPU.format(
        command=COMMAND,
        devices=_devices(runs),
        lengths=" or ".join(lengths),
        table=tables.published(runs),
        by_hand=_kept(path),
    )


def _write_section(path: Path, main: pd.DataFrame, failures: int) -> None:
    """Replace the section on training in the page of results; the others stay."""
    text = path.read_text(encoding="utf-8")
    before, found, rest = text.partition(SECTION + "\n")
    _, heading, after = rest.partition("\n## ")
    section = _RESULTS.format(
        section=SECTION,
        command=COMMAND,
        setting=SETTING,
        devices=_devices(main),
        table=tables.summary(main),
        sentences=_listed(ten(main, failures)),
        orderings=ordered(main),
        by_hand=_kept(path),
        gpu=GPU_LINK if (path.parent / "results" / "gpu.md").exists() else "",
    )
    _write(
        path, (before if found else text.rstrip() + "\n\n") + section + (heading.lstrip() + after if heading else "")
    )


def _write_methods(main: pd.DataFrame, path: Path) -> None:
    lines = [{"setting": SETTING.partition(";")[0], **line} for line in tables.per_method(main)]
    with whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def _devices(rows: pd.DataFrame) -> str:
    names = {"cpu": "one thread of a processor", "cuda": "a GPU that they share"}
    return " or ".join(names.get(device, device) for device in sorted(set(rows["device"].dropna())))


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _kept(path: Path) -> str:
    """What a person wrote into a page, with its marks."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    _, found, rest = text.partition(BEGIN)
    inside = rest.partition(END)[0] if found else "\n"
    return f"{BEGIN}{inside}{END}"


def _write(path: Path, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), map(Path, sys.argv[2:]))
