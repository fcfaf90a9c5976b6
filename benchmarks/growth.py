"""Cost as the work grows: seconds and memory by rows, classes and files, beside cleanlab where it does the same.

    python benchmarks/growth.py                      # all of it, up to 10 million rows and 100,000 files
    python benchmarks/growth.py judge-rows --most 1e6
    python benchmarks/growth.py --pages              # the page and its figure from the numbers again

Every line is measured in a process of its own, one at a time, with one thread, or where it says so in one process per
core. Seconds are of the processor, those of child processes included. Memory is the largest resident size of the
process; what it held before the measured call, the input included, is beside it. Inputs are made, from a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from noisewise.files import whole

OUT = Path(__file__).parents[1] / "docs" / "results" / "growth"
CLASSES, JUDGED, TRAINED, WIDTH = 10, 100_000, 20_000, 32  # where these do not grow
WRONG = 0.1
BATCH = 256
WARM = {"rows": 100, "classes": 10, "files": 20}  # sizes that are done before, so that imports are not measured
Call = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """What one measurement costs.

    Attributes:
        what: name of the measurement, one of `MEASUREMENTS`.
        who: "noisewise" or "cleanlab".
        size: number of rows, classes or files.
        seconds: of the processor, those of child processes included.
        wall: seconds on the clock.
        before: resident bytes before the measured call.
        peak: largest resident bytes.
        child: largest resident bytes of a child process; 0 without.
    """

    what: str
    who: str
    size: int
    seconds: float
    wall: float
    before: int
    peak: int
    child: int


@dataclass(frozen=True)
class Measurement:
    """One line of the figure for each of `who`.

    Attributes:
        title: what is done.
        axis: what grows.
        sizes: the sizes.
        make: called with the size and a folder; returns what is to be measured, by who does it.
    """

    title: str
    axis: str
    sizes: tuple[int, ...]
    make: Callable[[int, Path], dict[str, Call]]


def predicted(n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) given labels, a tenth of them wrong, and (n, K) float32 probabilities of a model that is mostly right."""
    rng = np.random.default_rng(0)
    truth = rng.integers(classes, size=n)
    given = np.where(rng.random(n) < WRONG, rng.integers(classes, size=n), truth)
    probabilities = rng.standard_normal((n, classes), dtype=np.float32)
    probabilities[np.arange(n), truth] += 4
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return given, probabilities


def judging(n: int, classes: int) -> dict[str, Call]:
    """The judgement of given probabilities, beside what cleanlab's users call: issues, scores and the joint."""
    given, probabilities = predicted(n, classes)

    def noisewise() -> object:
        from noisewise.auditing.evidence import Evidence
        from noisewise.auditing.judgement.judge import judge

        return judge(Evidence(given, classes, probabilities))

    def cleanlab() -> object:
        from cleanlab.count import compute_confident_joint, estimate_joint
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        joint = compute_confident_joint(given, probabilities)
        issues = find_label_issues(given, probabilities, confident_joint=joint, n_jobs=1)
        return issues, get_label_quality_scores(given, probabilities), estimate_joint(given, probabilities)

    return {"noisewise": noisewise, "cleanlab": cleanlab}


def training(n: int, classes: int) -> dict[str, Call]:
    """One epoch of an MLP on vectors with its ledger, by the trainer."""
    import noisewise as nw

    rng = np.random.default_rng(0)
    given = rng.integers(classes, size=n)
    given[:classes] = np.arange(classes)
    rows = rng.standard_normal((n, WIDTH), dtype=np.float32)
    data = nw.Dataset(rows, given, tuple(map(str, range(classes))))
    return {"noisewise": lambda: nw.train(data, "ce", model="mlp:widths=128", epochs=1, device="cpu", validation=0.0)}


def photographs(count: int, folder: Path) -> Path:
    """A folder of JPEGs of 160 x 120 pixels in ten classes, blurred noise, each different."""
    from PIL import Image

    root, rng = folder / "photographs", np.random.default_rng(0)
    for label in range(CLASSES):
        (root / f"class{label}").mkdir(parents=True)
    for number in range(count):
        noise = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        noise.resize((160, 120), Image.Resampling.BILINEAR).save(
            root / f"class{number % CLASSES}" / f"{number}.jpg", quality=75
        )
    return root


def loading(count: int, folder: Path) -> dict[str, Call]:
    """A folder as a data set, whose images are read twice in batches, as two epochs do."""
    import noisewise as nw

    root = photographs(count, folder)

    def epochs() -> None:
        inputs = nw.load(root).inputs
        for start in 2 * [*range(0, count, BATCH)]:
            _ = inputs[np.arange(start, min(start + BATCH, count))]

    return {"noisewise": epochs}


def embedding(count: int, folder: Path) -> dict[str, Call]:
    """The embeddings of a folder into a file, in one process per core."""
    import noisewise as nw
    from noisewise.compute import LocalEngine
    from noisewise.data.embeddings import embed

    data = nw.load(photographs(count, folder))
    return {"noisewise": lambda: embed(data, cache=False, engine=LocalEngine(), out=folder / "found.npy")}


def streaming(count: int, folder: Path) -> dict[str, Call]:
    """The same with an encoder that costs nothing: what reading, decoding and sending back take."""
    from PIL import Image

    import noisewise as nw
    from noisewise.compute import LocalEngine
    from noisewise.data.embeddings.embed import embedded_images
    from noisewise.data.embeddings.encoders import ImageEncoder

    data = nw.load(photographs(count, folder))
    bilinear = Image.Resampling.BILINEAR
    encoder = ImageEncoder(lambda x: x.mean(dim=(2, 3)), 3, (224, 224), 1.0, bilinear, [0.5] * 3, [0.5] * 3, "means")
    return {
        "noisewise": lambda: embedded_images(data, encoder, engine=LocalEngine(), out=folder / "found.npy"),
    }


MEASUREMENTS = {
    "judge-rows": Measurement(
        f"judging given probabilities, {CLASSES} classes",
        "rows",
        (10**4, 10**5, 10**6, 10**7),
        lambda size, folder: judging(size, CLASSES),
    ),
    "judge-classes": Measurement(
        f"judging given probabilities, {JUDGED:,} rows",
        "classes",
        (10, 100, 1000),
        lambda size, folder: judging(JUDGED, size),
    ),
    "train-rows": Measurement(
        f"an epoch of an MLP on {WIDTH} numbers, {CLASSES} classes",
        "rows",
        (10**4, 10**5, 10**6, 10**7),
        lambda size, folder: training(size, CLASSES),
    ),
    "train-classes": Measurement(
        f"an epoch of an MLP on {WIDTH} numbers, {TRAINED:,} rows",
        "classes",
        (10, 100, 1000),
        lambda size, folder: training(TRAINED, size),
    ),
    "load-files": Measurement(
        "loading a folder of JPEGs and reading every image twice", "files", (10**3, 10**4, 10**5), loading
    ),
    "stream-files": Measurement(
        "reading a folder of JPEGs at 224 pixels, one process per core", "files", (10**3, 10**4, 10**5), streaming
    ),
    "embed-files": Measurement(
        "embedding a folder of JPEGs, one process per core", "files", (10**3, 10**4, 10**5), embedding
    ),
}


def measured(what: str, who: str, size: int) -> Cost:
    """Measure in the present process."""
    measurement = MEASUREMENTS[what]
    with tempfile.TemporaryDirectory(prefix="growth.") as folder:
        measurement.make(WARM[measurement.axis], Path(folder) / "warm")[who]()
        call = measurement.make(size, Path(folder))[who]
        before = _resident()
        used, began = _processor(), time.perf_counter()
        call()
        seconds, wall = _processor() - used, time.perf_counter() - began
    own, child = (resource.getrusage(whose).ru_maxrss * 1024 for whose in _WHOSE)
    return Cost(what, who, size, seconds, wall, before, own, child)


_WHOSE = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _processor() -> float:
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, _WHOSE))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measured_apart(what: str, who: str, size: int) -> Cost:
    """Measure in a process of its own, so that nothing that ran before counts."""
    command = [sys.executable, __file__, "--one", what, who, str(size)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=one_thread).stdout
    return Cost(**json.loads(said.splitlines()[-1]))


def who_does(what: str) -> tuple[str, ...]:
    """Who is measured: cleanlab judges given probabilities, and does not train by itself."""
    return ("noisewise", "cleanlab") if what.startswith("judge") else ("noisewise",)


def write(costs: list[Cost], out: Path) -> None:
    """Write `OUT.json`, `OUT.md` and the figure `OUT.png` from all that was measured."""
    order = {name: at for at, name in enumerate(MEASUREMENTS)}
    costs = sorted(costs, key=lambda cost: (order[cost.what], cost.who != "noisewise", cost.size))
    with whole(out.with_suffix(".json")) as file:
        file.write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n", encoding="utf-8")
    with whole(out.with_suffix(".md")) as file:
        file.write_text(page(costs, out.name), encoding="utf-8")
    draw(costs, out)


def others(out: Path, than: Cost | None = None) -> list[Cost]:
    """What was measured before, without an earlier measurement of the same."""
    path = out.with_suffix(".json")
    known = [Cost(**line) for line in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []
    if than is None:
        return known
    return [one for one in known if (one.what, one.who, one.size) != (than.what, than.who, than.size)]


def exponent(costs: list[Cost], value: Callable[[Cost], float]) -> float | None:
    """The slope of the last two sizes on logarithmic axes: 1 is proportional to the size."""
    if len(costs) < 2:
        return None
    first, last = costs[-2:]
    return float(np.log(value(last) / value(first)) / np.log(last.size / first.size))


def page(costs: list[Cost], name: str) -> str:
    """The page as Markdown."""
    import torch

    lines = [
        "# Cost as the work grows",
        "",
        "    python benchmarks/growth.py",
        "",
        f"![Seconds and memory by size]({name}.png)",
        "",
        *__doc__.strip().split("\n\n")[-1].splitlines(),
        f"Measured with torch {torch.__version__} and {os.cpu_count()} cores, which others used too.",
        "The exponent is the slope of the last two sizes on logarithmic axes: 1 is proportional to the size.",
    ]
    for what, measurement in MEASUREMENTS.items():
        if not (rows := [cost for cost in costs if cost.what == what]):
            continue
        lines += ["", f"## {measurement.title[0].upper()}{measurement.title[1:]}", ""]
        lines += [f"| {measurement.axis} | | CPU seconds | seconds | memory before | at most | of a child |"]
        lines += ["|---:|---|---:|---:|---:|---:|---:|"]
        for cost in rows:
            memory = [f"{size / 2**30:.2f} GiB" if size else "" for size in (cost.before, cost.peak, cost.child)]
            said = [f"{cost.size:,}", cost.who, f"{cost.seconds:.3g}", f"{cost.wall:.3g}", *memory]
            lines.append(f"| {' | '.join(said)} |")
        for who in who_does(what):
            slope = exponent([cost for cost in rows if cost.who == who], lambda cost: cost.seconds)
            if slope is not None:
                lines += ["", f"{who}: exponent of the seconds {slope:.2f}."]
    return "\n".join(lines) + "\n"


def draw(costs: list[Cost], out: Path) -> None:
    """Seconds above, memory below; a column for each of what grows."""
    from noisewise.figures import subplots, write_figure

    axes_of = list(dict.fromkeys(MEASUREMENTS[cost.what].axis for cost in costs))
    figure, panels = subplots(2, len(axes_of), squeeze=False)
    values: list[tuple[str, Callable[[Cost], float]]] = [
        ("CPU seconds", lambda cost: cost.seconds),
        ("memory (GiB)", lambda cost: cost.peak / 2**30),
    ]
    for column, axis in enumerate(axes_of):
        for what, measurement in MEASUREMENTS.items():
            for who in who_does(what) if measurement.axis == axis else ():
                line = [cost for cost in costs if (cost.what, cost.who) == (what, who)]
                if not line:
                    continue
                for row, (label, value) in enumerate(values):
                    panel = panels[row, column]
                    short = what.split("-")[0] if who == "noisewise" else f"{what.split('-')[0]}, {who}"
                    panel.plot([cost.size for cost in line], [value(cost) for cost in line], "o-", label=short)
                    panel.set(xscale="log", yscale="log", xlabel=axis, ylabel=label)
        panels[0, column].legend()
    out.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, out.parent, out.name)
    out.with_suffix(".svg").unlink()


def main(arguments: list[str] | None = None) -> None:
    """Measure what was asked for, one size after the other, and write the page after each."""
    parser = argparse.ArgumentParser(description="Cost as the work grows.")
    parser.add_argument("what", nargs="*", help=f"any of {', '.join(MEASUREMENTS)}; by default all")
    parser.add_argument("--least", type=float, default=0, help="smallest size")
    parser.add_argument("--most", type=float, default=np.inf, help="largest size")
    parser.add_argument("--quick", action="store_true", help="sizes a hundred times smaller, to see that it runs")
    parser.add_argument("--pages", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.one:
        what, who, size = args.one
        print(json.dumps(asdict(measured(what, who, int(size)))))
        return
    for what in () if args.pages else args.what or MEASUREMENTS:
        for size in MEASUREMENTS[what].sizes:
            for who in who_does(what) if args.least <= size <= args.most else ():
                cost = measured_apart(what, who, max(10, size // 100) if args.quick else size)
                print(f"{what} {who} {cost.size:,}: {cost.seconds:.2f} s of the processor", file=sys.stderr)
                write([*others(args.out, cost), cost], args.out)
    write(others(args.out), args.out)


if __name__ == "__main__":
    main()
