"""Runs: descents of a network of one filter from many starts, with the noise of Zhou et al. (ICML 2019).

The arms differ in the noise. All but the one without noise have the paper's falling rate.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from noisewise.theory.nonoverlapping import (
    Descent,
    Stage,
    Teacher,
    angles,
    descend,
    gradients,
    sampled_gradients,
    spurious,
    starts,
    threshold,
)

STEPS, RATE, RATE_DECAY, NOISE_DECAY, EPOCHS = 400, 0.1, 0.8, 0.4, 20
FILTER_NOISE, OUTPUT_NOISE = 36.0, 1.0
ARMS: dict[str, dict[str, Any]] = {
    "none": {"filter_noise": 0.0, "output_noise": 0.0, "rate_decay": 1.0},
    "annealed": {},
    "small, kept": {"filter_noise": 0.3, "output_noise": 0.3, "decay": 1.0},
    "large, kept": {"decay": 1.0},
    "large, then none": {"decay": 1.0, "noisy": EPOCHS // 2},
    "annealed, filter only": {"output_noise": 0.0},
    "annealed, output only": {"filter_noise": 0.0},
}
BATCHED = ("none", "annealed")
FOUND = 0.1


def checked(patches: int, inputs: int, ratio: float, draws: int, points: int, seed: int) -> dict[str, Any]:
    """Distance of the closed forms from averages over sampled inputs, at random networks.

    Args:
        patches: patches per input of the teacher.
        inputs: dimension of a patch.
        ratio: (1 . a*)^2 / |a*|^2 of the teacher.
        draws: number of sampled inputs per network.
        points: number of random networks, with |w| from 0.5 to 2.
        seed: of the networks and the inputs.

    Returns:
        `by_filter`, `by_output`: (points,) the distance between both gradients, relative to the sampled one.
    """
    teacher, rng = Teacher.of_ratio(patches, inputs, ratio), np.random.default_rng(seed)
    w, a = starts(teacher, points, rng)
    w, a = w * np.linspace(0.5, 2, points)[:, None], a + teacher.output
    closed, found = gradients(w, a, teacher), []
    for k in range(points):
        drawn = sampled_gradients(w[k], a[k], teacher, draws, rng)
        found.append(
            [np.linalg.norm(part[k] - mean) / np.linalg.norm(mean) for part, mean in zip(closed, drawn, strict=True)]
        )
    return {"by_filter": np.array(found)[:, 0], "by_output": np.array(found)[:, 1]}


def turned(patches: int, inputs: int) -> dict[str, Any]:
    """Find where the spurious point stops attracting, by descent from a start close to it.

    Returns:
        `gradient`: the largest entry of the gradient at the spurious points tried; `ratio`: the ratio
        of the teacher at which descent from a filter 0.001 away turns from approaching to leaving, by bisection.
    """
    low, high, largest = 0.0, min(2 * threshold(patches), float(patches)), 0.0
    for _ in range(12):
        middle = (low + high) / 2
        teacher = Teacher.of_ratio(patches, inputs, middle)
        w, a = (part[None] for part in spurious(teacher))
        largest = max(largest, *(float(np.abs(part).max()) for part in gradients(w, a, teacher)))
        auxiliary = np.zeros_like(w)
        auxiliary[0, :2] = -np.cos(1e-3), np.sin(1e-3)
        end = descend(teacher, auxiliary, a, [Stage(100, RATE)]).w
        low, high = (middle, high) if end[0, 1] < auxiliary[0, 1] else (low, middle)
    return {"gradient": largest, "ratio": (low + high) / 2}


def stages(
    steps: int,
    filter_noise: float = FILTER_NOISE,
    output_noise: float = OUTPUT_NOISE,
    decay: float = NOISE_DECAY,
    noisy: int = EPOCHS,
    rate_decay: float = RATE_DECAY,
) -> list[Stage]:
    """The paper's twenty epochs (section 5) as stages of descent.

    Args:
        steps: per epoch.
        filter_noise: radius of the noise on the filter in the first epoch.
        output_noise: radius of the noise on the output weights in the first epoch.
        decay: factor of both radii per epoch.
        noisy: number of epochs with noise.
        rate_decay: factor of the rate per epoch, from 0.1; the paper's is 1 for descent without noise.
    """
    found = []
    for epoch in range(EPOCHS):
        share = decay**epoch if epoch < noisy else 0.0
        found.append(Stage(steps, RATE * rate_decay**epoch, share * filter_noise, share * output_noise))
    return found


def trapped(patches: int, inputs: int, ratio: float, count: int, steps: int, arm: str, seed: int) -> dict[str, Any]:
    """Descend from many random starts.

    Args:
        patches: patches per input of the teacher.
        inputs: dimension of a patch.
        ratio: (1 . a*)^2 / |a*|^2 of the teacher.
        count: number of starts.
        steps: per epoch, of 20 epochs.
        arm: the noise, a name in `ARMS`.
        seed: of the starts, which all arms share, and of the noise.

    Returns:
        `trapped`: share whose filter ends nearer to -w* than to w*; `found`: share within 0.1 of w*, as an angle, and
        of a*; `distance`: the median of |a - a*|.
    """
    teacher = Teacher.of_ratio(patches, inputs, ratio)
    w, a = starts(teacher, count, np.random.default_rng([seed, 0]))
    end = descend(teacher, w, a, stages(steps, **ARMS[arm]), np.random.default_rng([seed, 1]))
    return _ends(end, teacher)


def batched(
    patches: int, inputs: int, ratio: float, count: int, batch: int, steps: int, arm: str, seed: int
) -> dict[str, Any]:
    """Descend from many random starts by gradients on batches of drawn inputs.

    Args:
        patches: patches per input of the teacher.
        inputs: dimension of a patch.
        ratio: (1 . a*)^2 / |a*|^2 of the teacher.
        count: number of starts.
        batch: inputs per step.
        steps: per epoch, of 20 epochs.
        arm: the noise in addition to that of the batches, a name in `BATCHED`.
        seed: of the starts, and of the inputs and the noise.

    Returns:
        As of `trapped`.
    """
    teacher = Teacher.of_ratio(patches, inputs, ratio)
    w, a = starts(teacher, count, np.random.default_rng([seed, 0]))
    plan = stages(steps, **ARMS[arm])
    end = descend(teacher, w, a, plan, np.random.default_rng([seed, 1]), batch=batch)
    return _ends(end, teacher)


def _ends(end: Descent, teacher: Teacher) -> dict[str, Any]:
    phi, distance = angles(end.w, teacher), np.linalg.norm(end.a - teacher.output, axis=1)
    return {
        "trapped": float((phi > np.pi / 2).mean()),
        "found": float(((phi < FOUND) & (distance < FOUND)).mean()),
        "distance": float(np.median(distance)),
    }


def reflected(patches: int, inputs: int, points: int, steps: int) -> dict[str, Any]:
    """Count the trapped among the reflections (w, a), (-w, a), (w, -a), (-w, -a) of a start; 1 . a* = 0.

    Args:
        patches: patches per input of the teacher.
        inputs: dimension of a patch.
        points: number of angles, and of sizes of a.
        steps: per epoch, of 20 epochs without noise.

    Returns:
        `angles`: (points,) between w and w*, from 0 to pi / 2; `sizes`: (points,) s, the start being a = s a*;
        `shares`: (points, points) the share of four that is trapped, by angle and size.
    """
    teacher = Teacher.of_ratio(patches, inputs, 0.0)
    turns = (np.arange(points) + 0.5) / points * np.pi / 2
    sizes = 2.0 * (np.arange(points) + 0.5) / points
    phi, s = (grid.ravel() for grid in np.meshgrid(turns, sizes, indexing="ij"))
    w = np.zeros((len(phi), inputs))
    w[:, 0], w[:, 1] = np.cos(phi), np.sin(phi)
    a = s[:, None] * teacher.output
    signs = [(1, 1), (-1, 1), (1, -1), (-1, -1)]
    many_w = np.concatenate([one * w for one, _ in signs])
    many_a = np.concatenate([other * a for _, other in signs])
    end = descend(teacher, many_w, many_a, [Stage(EPOCHS * steps, RATE)])
    lost = (angles(end.w, teacher) > np.pi / 2).reshape(4, points, points)
    return {"angles": turns, "sizes": sizes, "shares": lost.mean(axis=0)}


def walked(patches: int, inputs: int, ratio: float, steps: int, seed: int) -> dict[str, Any]:
    """Paths of three starts without and with annealed noise, the first of which is trapped without.

    Returns:
        `none`, `annealed`: (3, T, 2) the angle between w and w*, and the place of a on the line from the spurious
        output (0) to the teacher's (1), onto which it is projected.
    """
    teacher, rng = Teacher.of_ratio(patches, inputs, ratio), np.random.default_rng([seed, 0])
    w, a = starts(teacher, 200, rng)
    plain = stages(steps, **ARMS["none"])
    lost = angles(descend(teacher, w, a, plain).w, teacher) > np.pi / 2
    chosen = [*np.flatnonzero(lost)[:1], *np.flatnonzero(~lost)[:2]]
    base = spurious(teacher)[1]
    line = teacher.output - base
    found = {}
    for arm in ("none", "annealed"):
        plan = stages(steps, **ARMS[arm])
        path = descend(teacher, w[chosen], a[chosen], plan, np.random.default_rng([seed, 1]), keep=max(1, steps // 20))
        turns = np.array([angles(step, teacher) for step in path.path_w])
        places = (path.path_a - base) @ line / (line @ line)
        found[arm] = np.stack([turns.T, places.T], axis=2)
    return found
