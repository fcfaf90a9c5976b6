"""Trainings past the point where wrong labels are fitted, shared by the studies of phases and of stopping.

A network is trained by SGD with momentum 0.9 at a constant learning rate, without augmentation and weight decay, long
enough to memorise. A tenth of the rows is held out with the labels that they were given.
"""

from __future__ import annotations

from typing import Any

from noisewise.compute import Task
from noisewise.studies.frame.study import Scale
from noisewise.studies.harness.fit import trained_on_drawn

PROBED = "symmetric:0.4"
ALL_ROWS = 100_000


def noisy_fit(scale: Scale, corrupt: str, seed: int, **others: Any) -> Task:
    """The task of one such training, with probes under the noise that both studies train on.

    Args:
        scale: Its values are `source`, `model`, the sizes `fit`, and how many `examples` are probed for the Fisher
            information, `every` how many epochs, in `probe`.
        corrupt: A spec of label noise; with a rate of 0 the given labels count as the truth.
        seed: Random seed.
        **others: Settings in place of those of the scale.

    Raises:
        BadInput: an argument is not plain data.
    """
    arguments: dict[str, Any] = {
        "source": scale.source,
        "model": scale.model,
        "corrupt": corrupt,
        "seed": seed,
        "validation": 0.1,
        "schedule": "constant",
        "weight_decay": 0.0,
        "augment": "none",
        **scale.fit,
        **others,
    }
    if corrupt == PROBED:
        whole, every = f"examples={ALL_ROWS}", f"every={scale.probe['every']}"
        fisher = f"fisher:examples={scale.probe['examples']},{every}"
        arguments["probe"] = f"label-fit:{whole}+gradient-noise:{whole},{every}+{fisher}"
    fit = f"{arguments['source']} {corrupt} {arguments['model']} epochs={arguments['epochs']} seed={seed}"
    return Task.of(trained_on_drawn, title=f"follow {fit}", **arguments)
