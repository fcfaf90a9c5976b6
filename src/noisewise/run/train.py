"""`noisewise.train`: an experiment from keywords, run at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from noisewise.bounds import FUNCTION, PATH, bounded
from noisewise.data.objects.memory import in_memory
from noisewise.errors import BadInput
from noisewise.run.experiment import Experiment
from noisewise.run.result import Run
from noisewise.training.method import Method
from noisewise.training.observer import Callbacks, Row


@bounded(None, {"out": PATH | None, "on_epoch": FUNCTION | None, "on_progress": FUNCTION | None})
def train(
    data: Any,
    method: str | Method | Callable[..., None] = "auto",
    model: str | nn.Module | Callable[..., nn.Module] | None = None,
    epochs: int | None = None,
    seed: int = 0,
    *,
    out: str | Path | None = None,
    report: bool = True,
    resume: bool = False,
    on_epoch: Callable[[Row], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
    **fields: Any,
) -> Run:
    """Train a model by a method, and keep a ledger of every row.

    The same as `Experiment.of(data, method=method, ...).run(out)`.

    Args:
        data: a Dataset, a source (a name, a path, "hf:NAME"), or data in memory as for `load`; or an Experiment, or
            the mapping under `experiment` in `run.json`, which states everything down to `seed` and all further fields.
        method: a spec such as "elr" or "cdr:tau=0.4+gce", a Method, or a recipe; "auto" judges the labels first and
            trains accordingly.
        model: a catalogue name, "module:function", a callable or a module; by default one that fits the kind of data.
        epochs: number of epochs; by default the preset's, else 20.
        seed: random seed.
        out: a folder for results and checkpoints; None writes nothing.
        report: whether `report.html` is written too.
        resume: continue from the checkpoint in `out`, if there is one.
        on_epoch: called with every row of the history.
        on_progress: called after every step with the share of the present epoch that is done.
        **fields: further fields of `Experiment` (`corrupt`, `rows`, `tested`, `trusted`, `noise_rate`, `observe` or
            `probe`, `preset`, `data_dir`, and how the source is read: `labels`, `text`, `columns`, `ignore`, `id`,
            `na`, `size`, `skip_broken`) and of `Config` (`lr`, `batch_size`, `device`, ...).

    Raises:
        BadInput: an argument is not legal.
        Diverged: the loss became infinite or NaN.
    """
    stated = {"method": method, "model": model, "epochs": epochs, "seed": seed, **fields}
    if isinstance(data, Mapping) and not in_memory(data):
        data = Experiment.read(data)
    if isinstance(data, Experiment):
        default = {"method": Experiment.method, "model": None, "epochs": None, "seed": 0}
        if more := [name for name in stated if name not in default or stated[name] != default[name]]:
            raise BadInput(f"{more[0]}={stated[more[0]]!r} is given along with an experiment, which states it already")
        experiment = data
    else:
        experiment = Experiment.of(data, **stated)
    return experiment.run(out, resume=resume, report=report, observers=[Callbacks(on_epoch, on_progress)])
