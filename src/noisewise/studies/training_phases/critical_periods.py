"""Deficits early in training: which leave a lasting loss, and how much of it is due to the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.deficits import DECAYING, FIXED, RESTARTED, SCHEDULES, depriving
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import difference, mean, spearman

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1d1e20"
OTHERS = ("noise", "permute", "vflip")


def runs(scale: Scale) -> list[Task]:
    """The experiments on images; the depths and the perceptron only where nobody chose a model of their own."""
    images = {"source": scale.source, **scale.sizes}
    own = {**images, "model": scale.model}
    tasks = [task for seed in range(scale.seeds) for task in _of_net(scale, {**own, "seed": seed})]
    if "model" in scale.chosen:
        return tasks
    compared = [({**images, "model": net}, scale.depth_schedule, scale.blur) for net in scale.depths]
    compared.append(({**scale.perceptron, **scale.chosen}, FIXED, scale.perceptron_blur))
    tasks += [
        _from_start(scale, {**shared, "seed": seed}, schedule, blur, length)
        for seed in range(scale.seeds)
        for shared, schedule, blur in compared
        for length in (0, scale.middle)
    ]
    return list({task.key: task for task in tasks}.values())


def deficits(scale: Scale) -> tuple[str, ...]:
    """All deficits, the blur first."""
    return (scale.blur, *OTHERS)


def lengths(scale: Scale) -> tuple[int, ...]:
    """For how many epochs there is a deficit from the start, rising from none."""
    return (0, *scale.shorter, scale.longest)


def _of_net(scale: Scale, shared: dict[str, Any]) -> list[Task]:
    """Both experiments with one network and seed."""
    tasks = [_from_start(scale, shared, DECAYING, scale.blur, 0)]
    tasks += [
        _from_start(scale, shared, DECAYING, name, length) for name in deficits(scale) for length in lengths(scale)[1:]
    ]
    for schedule in (RESTARTED, FIXED):
        tasks += [_from_start(scale, shared, schedule, name, scale.middle) for name in deficits(scale)]
        tasks.append(_from_start(scale, shared, schedule, scale.blur, scale.longest))
    tasks.append(_from_start(scale, shared, FIXED, scale.blur, 0))
    return tasks + [
        depriving(**shared, **_later(scale, schedule, onset))
        for schedule in (DECAYING, FIXED)
        for onset in (None, *scale.onsets)
    ]


def _from_start(scale: Scale, shared: dict[str, Any], schedule: str, deficit: str, length: int) -> Task:
    return depriving(**shared, **_early(scale, schedule, deficit, length))


def _early(scale: Scale, schedule: str, deficit: str, length: int) -> dict[str, Any]:
    """Experiment I, as arguments: a deficit for the first `length` epochs, then clean ones."""
    return _timed(scale, schedule, deficit, (0, length), length + scale.clean)


def _later(scale: Scale, schedule: str, onset: int | None) -> dict[str, Any]:
    """Experiment II, as arguments: the blur for a window of epochs from an onset on, or none."""
    window = (0, 0) if onset is None else (onset, onset + scale.window)
    return _timed(scale, schedule, scale.blur, window, scale.whole)


def _timed(scale: Scale, schedule: str, deficit: str, window: tuple[int, int], epochs: int) -> dict[str, Any]:
    start, stop = window
    rate = scale.fixed_rate if schedule == FIXED else scale.rate
    named = {"deficit": deficit} if stop > start else {}
    return {"start": start, "stop": stop, "epochs": epochs, "schedule": schedule, "rate": rate, **named}


@dataclass(frozen=True)
class Found:
    """What the runs of one network found.

    Attributes:
        results: Of the study.
        model: Whose runs count.
    """

    results: Results
    model: str

    @property
    def scale(self) -> Scale:
        """The scale of the study."""
        found: Scale = self.results.scale
        return found

    def accuracies(self, schedule: str, deficit: str, length: int) -> np.ndarray:
        """(seeds,) the test accuracies of experiment I; a restart without a deficit is a decaying rate."""
        schedule = DECAYING if schedule == RESTARTED and not length else schedule
        return self._where(_early(self.scale, schedule, deficit, length))

    def drop(self, schedule: str, deficit: str, length: int) -> Estimate:
        """Accuracy of experiment I without a deficit minus that with it."""
        return mean(self.drops(schedule, deficit, length))

    def drops(self, schedule: str, deficit: str, length: int) -> np.ndarray:
        """(seeds,) the same by seed."""
        return self.accuracies(schedule, deficit, 0) - self.accuracies(schedule, deficit, length)

    def late(self, schedule: str) -> np.ndarray:
        """(onsets, seeds) accuracy of experiment II without a deficit minus that with it."""
        scale = self.scale
        base, *found = (self._where(_later(scale, schedule, onset)) for onset in (None, *scale.onsets))
        return base - np.array(found)

    def _where(self, timed: dict[str, Any]) -> np.ndarray:
        return self.results.where(model=self.model, **{"deficit": None, **timed}).numbers("test_accuracy")


def measured(results: Results) -> dict[str, float | Estimate]:
    """The paper's two experiments, and how much of the loss a learning rate that does not decay leaves."""
    scale, found = results.scale, Found(results, results.scale.model)
    curve = np.array([found.accuracies(DECAYING, scale.blur, length).mean() for length in lengths(scale)])
    by_deficit = {name: found.drops(DECAYING, name, scale.middle) for name in deficits(scale)}
    blur, noise = by_deficit[scale.blur], by_deficit["noise"]
    late, onsets = found.late(DECAYING), np.array(scale.onsets)
    before, after = late[onsets < scale.middle], late[onsets >= scale.middle]
    decaying, restarted = (found.drops(schedule, scale.blur, scale.longest) for schedule in (DECAYING, RESTARTED))
    lost = decaying.mean()
    claims: dict[str, float | Estimate] = {
        "blur-stays": mean(blur),
        "longer-costs-more": spearman(np.array(lengths(scale)), curve),
        "early-window": difference(before.mean(axis=0), after.mean(axis=0)),
        "blur-over-noise": difference(blur, noise),
        "noise-over-flip": difference(noise, by_deficit["vflip"]),
        **{f"{name}-hardly-hurts": difference(blur / 2, by_deficit[name]) for name in ("permute", "vflip")},
        "restart-helps": difference(decaying, restarted),
        "restart-closes": (lost - restarted.mean()) / lost if lost > 0 else np.nan,
        "fixed-rate": found.drop(FIXED, scale.blur, scale.middle),
    }
    if "model" not in scale.chosen:
        claims["deeper"] = difference(_by_depth(results)[-1], _by_depth(results)[0])
    return claims


def _by_depth(results: Results) -> np.ndarray:
    """(depths, seeds) what blur costs in the networks of the sweep over depth."""
    scale = results.scale
    return np.array([Found(results, net).drops(scale.depth_schedule, scale.blur, scale.middle) for net in scale.depths])


def figure(results: Results) -> Figure:
    """Draw both experiments, and the effects of the learning rate, the kind of deficit and the depth."""
    found = Found(results, results.scale.model)
    drawn, ((first, second, third), (fourth, fifth, sixth)) = subplots(2, 3)
    _draw_lengths(first, found)
    _draw_schedules(second, found)
    _draw_bars(third, found)
    _draw_onsets(fourth, found)
    _draw_depths(fifth, results)
    _draw_perceptron(sixth, results)
    return drawn


def _draw_lengths(axes: Axes, found: Found) -> None:
    scale = found.scale
    for name, colour in zip(deficits(scale), COLOURS, strict=False):
        x = lengths(scale)
        _line(axes, x, [found.accuracies(DECAYING, name, length) for length in x], name, colour)
    axes.set(xlabel="epochs with the deficit, from the start", ylabel="final accuracy (%)", title="a: decaying rate")
    axes.legend(loc="lower left")


def _draw_schedules(axes: Axes, found: Found) -> None:
    scale = found.scale
    for schedule, colour in zip(SCHEDULES, COLOURS, strict=False):
        x = lengths(scale) if schedule == DECAYING else (0, scale.middle, scale.longest)
        _line(axes, x, [found.accuracies(schedule, scale.blur, length) for length in x], schedule, colour)
    axes.set(xlabel="epochs of blur, from the start", ylabel="final accuracy (%)", title="b: blur, by learning rate")
    axes.legend(loc="lower left")


def _line(axes: Axes, x: tuple[int, ...], found: list[np.ndarray], label: str, colour: str) -> None:
    """Means over seeds, with the seeds as small marks."""
    axes.plot(x, [100 * values.mean() for values in found], "o-", color=colour, label=label)
    for place, values in zip(x, found, strict=True):
        axes.plot([place] * len(values), 100 * values, "_", color=colour, alpha=0.6)


def _draw_bars(axes: Axes, found: Found) -> None:
    scale, names, width = found.scale, deficits(found.scale), 0.8 / len(SCHEDULES)
    for k, (schedule, colour) in enumerate(zip(SCHEDULES, COLOURS, strict=False)):
        places = np.arange(len(names)) + (k - (len(SCHEDULES) - 1) / 2) * width
        drops = np.array([100 * found.drops(schedule, name, scale.middle) for name in names])
        axes.bar(places, drops.mean(axis=1), 0.9 * width, color=colour, label=schedule)
        axes.plot(np.repeat(places, drops.shape[1]), drops.ravel(), "_", color=INK)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel="points of accuracy lost", title=f"c: {scale.middle} epochs of each deficit")
    axes.margins(y=0.25)
    axes.legend(loc="upper right")


def _draw_onsets(axes: Axes, found: Found) -> None:
    for schedule, colour in ((DECAYING, COLOURS[0]), (FIXED, COLOURS[2])):
        draw_runs(axes, found.scale.onsets, 100 * found.late(schedule).T, "o-", color=colour, label=schedule)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set(xlabel="onset (epochs)", ylabel="points of accuracy lost")
    axes.set_title(f"d: a window of {found.scale.window} blurred epochs")
    axes.legend(loc="upper right")


def _draw_depths(axes: Axes, results: Results) -> None:
    scale = results.scale
    own = "model" in scale.chosen
    nets = [scale.model] if own else scale.depths
    schedule = DECAYING if own else scale.depth_schedule
    drops = np.array([100 * Found(results, net).drops(schedule, scale.blur, scale.middle) for net in nets])
    axes.bar(range(len(nets)), drops.mean(axis=1), 0.6, color=COLOURS[SCHEDULES.index(schedule)])
    axes.plot(np.repeat(np.arange(len(nets)), drops.shape[1]), drops.ravel(), "_", color=INK)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set_xticks(range(len(nets)), nets if own else [net.rpartition("=")[2] for net in nets])
    axes.set(xlabel="model" if own else "depth (times the size is halved)", ylabel="points of accuracy lost")
    axes.set_title(f"e: {scale.middle} epochs of blur, {schedule} rate")


def _draw_perceptron(axes: Axes, results: Results) -> None:
    scale = results.scale
    axes.set_title(f"f: {scale.middle} epochs of blur, perceptron, fixed rate")
    axes.set(ylabel="final accuracy (%)")
    if "model" in scale.chosen:
        axes.set_axis_off()
        return
    flat = Found(results, scale.perceptron["model"])
    for place, (length, colour) in enumerate(((0, GREY), (scale.middle, COLOURS[2]))):
        values = 100 * flat.accuracies(FIXED, scale.perceptron_blur, length)
        axes.bar(place, values.mean(), 0.5, color=colour, alpha=0.35)
        axes.plot([place] * len(values), values, "o", color=colour)
    axes.set_xticks((0, 1), ("no deficit", scale.perceptron_blur))
    axes.set_ylim(0, 100)


STUDY = Study.load(__file__, runs, measured, figure)
