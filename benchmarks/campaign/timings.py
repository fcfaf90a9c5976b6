"""How long steps, epochs and stacked runs take on the device at hand.

python -m benchmarks.campaign.timings --out runs/campaign --minutes 9    # a piece; call it again for the next
python -m benchmarks.campaign.timings --out runs/tiny --tiny             # seconds, to see whether it works

One line per timing in `timings.jsonl`: seconds of wall time once the device has finished, medians over turns in which
arms alternate, and ratios to the first arm with their quartiles. A timing that is done is not repeated. The images are
random, of the size of the data set's: values change no time.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.nn import functional

from noisewise.data import Augment
from noisewise.methods import METHODS, build
from noisewise.models import build as network
from noisewise.training import Training
from noisewise.training.replicas import together
from noisewise.training.streams import Streams

from ..speed.arms import FAST, LENET, MLP, Case
from .__main__ import commit
from .runner import read_lines

STEPS, TURNS, RUNS, EPOCHS = 50, 9, 30, 3
COMPARED = ("ce", "elr", "cdr", "gce", "coteaching", "mixup", "sop", "sam")
LARGE = Case(
    "PreActResNet-18, 50,000 images of CIFAR-10's size", "preact-resnet18", 32, 3, "crop:4+flip", "auto", 50_000
)


class OutOfTime(Exception):
    """The time of the piece is over."""


@dataclass(frozen=True)
class Timing:
    """Something to time.

    Attributes:
        key: unique.
        arms: makes, by name, what takes turns; the others are compared with the first.
        turns: how many turns each has.
        each: how many units a turn has, such as steps.
        seconds: what all of it may take, as a guess, with a GPU.
    """

    key: str
    arms: Callable[[], Mapping[str, Callable[[], object]]]
    turns: int
    each: int
    seconds: float


def timings(tiny: bool, device: str) -> Iterator[Timing]:
    """All timings, most important first."""
    steps, turns, runs = (2, 2, 3) if tiny else (STEPS, TURNS, RUNS)
    lenet, mlp, fast = (replace(case, rows=384 if tiny else case.rows) for case in (LENET, MLP, FAST))
    for case in (mlp,) if tiny else (lenet, mlp, fast):
        yield Timing(f"{runs} runs stacked: {case.name}", partial(stacked, case, runs, device), min(turns, 3), 1, 60)
    for case in (mlp,) if tiny else (lenet, fast):
        arms = partial(beside_plain, case, COMPARED[:2] if tiny else COMPARED, steps, device)
        yield Timing(f"steps: {case.name}", arms, turns, steps, 90)
    large = replace(LARGE, model="mlp", rows=384) if tiny else LARGE
    yield Timing(f"an epoch: {large.name}", partial(epoch, large, device), 2 if tiny else EPOCHS, 1, 120)


def stacked(case: Case, runs: int, device: str) -> dict[str, Callable[[], object]]:
    """Five epochs of one run alone, and of many as one computation."""
    data = case.data()

    def one(seed: int) -> None:
        build("ce")(Training(data, case.model, case.config(epochs=5, seed=seed, device=device)))

    def many() -> None:
        for _, answer in together([partial(one, seed) for seed in range(runs)]):
            if isinstance(answer, Exception):
                raise answer

    return {"one run": partial(one, 0), f"{runs} runs": many}


def beside_plain(case: Case, methods: Sequence[str], steps: int, device: str) -> dict[str, Callable[[], object]]:
    """A plain loop, and the trainer with each method, so many steps at a time."""
    loops = {"plain loop": plain(case, device), **{name: trained(case, name, device) for name in methods}}
    return {name: partial(several, loop, steps) for name, loop in loops.items()}


def several(steps: Iterator[object], count: int) -> None:
    """Take so many steps."""
    for _ in range(count):
        next(steps)


def trained(case: Case, method: str, device: str) -> Iterator[object]:
    """Steps of a training by this library, endlessly."""
    data = case.data()
    training = Training(data, case.model, case.config(epochs=1000, device=device))
    made = METHODS[method]()
    learner, joint = training.learner(networks=made.networks or 1), training._register(made)
    streams = Streams(training.rows, None, {}, training.config.batch_size, training.classes)
    while True:
        yield from training._steps(learner, made, joint, streams)


def plain(case: Case, device: str) -> Iterator[object]:
    """Steps of a loop on tensors as one writes it by hand, endlessly."""
    data, config = case.data(), case.config(device=device)
    net = network(case.model, data.shape, len(data.classes), seed=0).to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        net.parameters(), config.peak_lr, config.momentum, weight_decay=config.weight_decay, fused=True
    )
    images, labels = torch.from_numpy(data.inputs[:]).to(device), torch.tensor(data.given, device=device)
    mean, std = images[:1000].float().mean((0, 1, 2)), images[:1000].float().std((0, 1, 2))
    mean, std = mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)
    augment, rng = None if case.augment == "none" else Augment(case.augment), torch.Generator().manual_seed(0)
    while True:
        for at in torch.randperm(len(images), generator=rng).to(device).split(config.batch_size):
            x = (images[at].permute(0, 3, 1, 2).float() - mean) / std
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=config.torch_precision == "bf16"):
                logits = net(x if augment is None else augment(x, rng))
            loss = functional.cross_entropy(logits.float(), labels[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss


def epoch(case: Case, device: str) -> dict[str, Callable[[], object]]:
    """An epoch of a plain loop and one of the trainer."""
    steps = case.rows // 128
    loops = {"plain loop": plain(case, device), "ce": trained(case, "ce", device)}
    return {name: partial(several, loop, steps) for name, loop in loops.items()}


def measured(timing: Timing, device: str) -> dict[str, Any]:
    """The line of a timing: per arm the median seconds of a unit, and the ratio to the first with its quartiles."""
    arms = timing.arms()
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(-1, timing.turns):  # the first turn warms up
        for name, arm in arms.items():
            wait(device)
            began = time.perf_counter()
            arm()
            wait(device)
            if turn >= 0:
                seconds[name].append(time.perf_counter() - began)
    first = next(iter(seconds.values()))
    lines = {}
    for name, taken in seconds.items():
        low, ratio, high = statistics.quantiles([a / b for a, b in zip(taken, first, strict=True)], n=4)
        lines[name] = {"seconds": statistics.median(taken) / timing.each, "ratio": ratio, "low": low, "high": high}
    gpu = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return {"key": timing.key, "device": gpu, "torch": torch.__version__, "arms": lines}


def wait(device: str) -> None:
    """Wait until the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def run(wanted: Iterable[Timing], out: Path, device: str, minutes: float | None = None) -> dict[str, int]:
    """Compute timings that are not done yet, one line each in `out / timings.jsonl`.

    Args:
        wanted: most important first.
        out: the folder.
        device: "cpu" or "cuda".
        minutes: after which everything ends; what is then unfinished is left for the next piece.

    Returns:
        How many timings were `done` before, `finished` now, `failed`, and are `left`.
    """
    until = float("inf") if minutes is None else time.time() + 60 * minutes
    path = out / "timings.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    known = {line["key"] for line in read_lines([path]) if "failed" not in line}
    counts = {"done": 0, "finished": 0, "failed": 0, "left": 0}
    for timing in wanted:
        if timing.key in known:
            counts["done"] += 1
            continue
        if time.time() + timing.seconds > until:
            counts["left"] += 1
            continue
        signal.signal(signal.SIGALRM, _stop)
        signal.setitimer(signal.ITIMER_REAL, min(until - time.time(), 24 * 3600))
        try:
            line = measured(timing, device)
        except OutOfTime:
            counts["left"] += 1
            continue
        except Exception as error:
            line = {"key": timing.key, "failed": f"{type(error).__name__}: {error}"[:300]}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        counts["failed" if "failed" in line else "finished"] += 1
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "commit": commit()}) + "\n")
        print(said(line), flush=True)
    return counts


def said(line: Mapping[str, Any]) -> str:
    """A line as text."""
    if "failed" in line:
        return f"{line['key']} failed: {line['failed']}"
    arms = [f"{name} {1000 * arm['seconds']:.3g} ms (x {arm['ratio']:.3g})" for name, arm in line["arms"].items()]
    return f"{line['key']}: {', '.join(arms)}"


def _stop(number: int, frame: FrameType | None) -> None:
    raise OutOfTime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of timings.jsonl")
    parser.add_argument("--tiny", action="store_true", help="timings of seconds, whose figures say nothing")
    parser.add_argument("--minutes", type=float, help="end after so long; default: when all is done")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    args = parser.parse_args()
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    device = auto if args.device == "auto" else args.device
    counts = run(timings(args.tiny, device), args.out, device, args.minutes)
    print(", ".join(f"{number} {name}" for name, number in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
