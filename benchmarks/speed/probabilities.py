"""An audit of given probabilities beside cleanlab's filter: the same arrays, CPU seconds and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .row import Row
from .turns import QUICK_TURNS, Spread, compare

COMMAND = "python -m benchmarks.speed probabilities"
# rows, classes and turns
SIZES = ((100_000, 10, 15), (1_000_000, 10, 7), (100_000, 100, 7), (200_000, 1_000, 3))
QUICK = ((2_000, 10, QUICK_TURNS),)
MADE = 10_000  # rows that are drawn at a time
NOISE, SHARPNESS = 0.2, 5.0
NAMES = ("cleanlab", "ours")


def measure(quick: bool) -> list[Row]:
    found = []
    for rows, classes, turns in QUICK if quick else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            labels, probabilities = made(rows, classes)
            files = Path(folder) / "labels.npy", Path(folder) / "probabilities.npy"
            for file, array in zip(files, (labels, probabilities), strict=True):
                np.save(file, array)
            size = f"{rows:,} x {classes:,}"
            taken = compare({name: arm(name, labels, probabilities) for name in NAMES}, turns, 1)
            issues = "cleanlab: find_label_issues, get_label_quality_scores, compute_confident_joint"
            found.append(Row.of(f"{size}: judgement / cleanlab's filter", "<= 2", taken["ours"], note=issues))
            del labels, probabilities
            peaks = {name: peak(name, *files) for name in NAMES}
            ratio = peaks["ours"] / peaks["cleanlab"]
            said = f"{peaks['ours']:.2f} and {peaks['cleanlab']:.2f} GiB with the imports, each in a process"
            found.append(Row.of(f"{size}: peak memory / cleanlab's", "<= 1", Spread(ratio, ratio, ratio), note=said))
    return [Row(**{**vars(row), "command": COMMAND}) for row in found]


def made(rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) labels, a fifth of them wrong, and (n, K) float32 probabilities by a model that knows much of the truth."""
    draw = np.random.default_rng(0)
    truth = draw.integers(classes, size=rows)
    wrong = draw.random(rows) < NOISE
    labels = np.where(wrong, (truth + draw.integers(1, classes, rows)) % classes, truth)
    probabilities = np.empty((rows, classes), np.float32)
    for start in range(0, rows, MADE):
        part = truth[start : start + MADE]
        logits = draw.normal(size=(len(part), classes)) + 0.0
        logits[np.arange(len(part)), part] += (SHARPNESS + np.log(classes / 10)) * draw.random(len(part)) ** 0.5
        chances = np.exp(logits)
        probabilities[start : start + MADE] = chances / chances.sum(axis=1, keepdims=True)
    return labels, probabilities


def arm(name: str, labels: np.ndarray, probabilities: np.ndarray) -> Callable[[], object]:
    """What one side computes of labels and probabilities, in the calling thread."""
    classes = probabilities.shape[1]
    if name == "ours":
        from noisewise.auditing.gathering.given import given
        from noisewise.auditing.judgement.judge import judge

        return lambda: judge(given([probabilities], labels, classes))
    from cleanlab.count import compute_confident_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    return lambda: (
        find_label_issues(labels, probabilities, n_jobs=1),
        get_label_quality_scores(labels, probabilities),
        compute_confident_joint(labels, probabilities),
    )


def peak(name: str, labels: Path, probabilities: Path) -> float:
    """GiB of memory that a process of its own takes at most for one side."""
    command = [sys.executable, "-m", __name__, name, str(labels), str(probabilities)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    return float(json.loads(done.stdout))


if __name__ == "__main__":
    arm(sys.argv[1], *(np.load(file) for file in sys.argv[2:]))()
    # `ru_maxrss` would include the memory of the process that started this one
    kib = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(json.dumps(int(kib) / 2**20))
