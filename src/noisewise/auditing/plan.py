"""The plan of an audit: everything its findings depend on, apart from the rows themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from noisewise import models
from noisewise.auditing.detectors.detection import EVERY, requested
from noisewise.auditing.gate import check_limit
from noisewise.auditing.gathering.classifiers import is_named_or_classifier
from noisewise.auditing.gathering.last_layer import needed
from noisewise.auditing.gathering.recipe import training_config
from noisewise.bounds import SEED, TEXT, Bound, a, check, flag, one_of, whole
from noisewise.data.reading import FIELDS, Reading
from noisewise.errors import BadInput, nearest
from noisewise.methods import build
from noisewise.methods.transition.estimators import ESTIMATORS
from noisewise.noise.corruption import corruptions
from noisewise.training.config import Config

BUDGETS, BUDGET = ("quick", "default", "thorough"), "default"
GIVEN = ("probs", "features", "probs+features")
BOUNDS: dict[str, Bound] = {
    **dict.fromkeys(("corrupt", "transition", "embed", "data_dir"), TEXT),
    **dict.fromkeys(("conditions", "fail_when_sure", "in_memory"), flag()),
    "folds": whole(2) | None,
    "size": whole(1) | None,
    "rows": whole(2) | None,
    "seed": SEED,
    "budget": one_of(*BUDGETS),
    "given": one_of(*GIVEN) | None,
}


@dataclass(frozen=True, repr=False)
class AuditPlan:
    """One audit as data: equal plans, of the same rows, end at equal findings.

    Attributes:
        source: a name, a path or "hf:NAME"; of rows in memory, their name.
        labels: how the source is read, as are the next fields down to `trusted` (see `data.reading.Reading`); here the
            label column of a table; None for the reader's choice.
        text: the column of a table whose texts are the only input.
        columns: the columns of a table to learn from; () takes all that can be learned from.
        ignore: columns of a table that are never an input.
        id: the column of a table that names its rows.
        na: texts that mean a missing value.
        size: N, to give images in files to networks at N x N pixels; None is the model's size, else the reader's.
        skip_broken: whether images that cannot be read are left out.
        trusted: the rows whose labels are known to be correct: a file, or a column of a table.
        corrupt: a corruption spec that is injected first; the findings are then measured against the injected truth.
        model: as for `train`, or a classifier: "blend", "forest", "boosting", "linear" or any scikit-learn object with
            `fit` and `predict_proba`; None chooses by the kind of data.
        method: how each network trains; None is "ce".
        epochs: of each network; None is 10.
        folds: of the cross-fitting; None is 3 for networks and 5 for classifiers.
        embed: a pretrained model, by its folder or its name on the hub, whose embeddings of texts or images are
            cross-fitted (needs the extra `pretrained`).
        budget: how much may be computed where no model is named: "quick", cheap models alone; "default", what takes
            about two minutes on two cores for a few thousand rows; "thorough", all candidates.
        transition: a further estimator of the transition matrix: anchor, anchor-mean, dual-t or hoc.
        detectors: the detectors whose scores are reported: names, as a collection or separated by commas; "all"; None
            for those that cost nothing extra.
        conditions: whether to look for duplicates, outliers and ambiguous rows.
        rows: audit a stratified random subset of this many rows; None audits all.
        seed: random seed.
        data_dir: a folder in which named sources are looked for first.
        fail_above: a limit on the noise rate, for the findings' `gate`.
        fail_when_sure: compare the lower end of the rate's interval with the limit, not the rate itself.
        settings: further fields of the networks' `Config`, by name; networks from scratch follow one cycle unless
            these state a schedule, an optimiser or a learning rate (see `gathering.recipe`).
        given: which arrays took the place of training: "probs", "features" or "probs+features"; None for none. The
            audit records it, and a plan with it is carried out only along with these arrays.
        in_memory: whether the rows were a Dataset rather than loaded from the source. The audit records it, and a plan
            with it is carried out only along with a Dataset.

    Raises:
        BadInput: an unknown name, a value out of range, or settings that contradict each other.
    """

    source: str = ""
    labels: str | None = None
    text: str | None = None
    columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    id: str | None = None
    na: tuple[str, ...] = ()
    size: int | None = None
    skip_broken: bool = False
    trusted: str | None = None
    corrupt: str | None = None
    model: Any = None
    method: Any = None
    epochs: int | None = None
    folds: int | None = None
    embed: str | None = None
    budget: str = BUDGET
    transition: str | None = None
    detectors: str | Iterable[str] | None = None
    conditions: bool = True
    rows: int | None = None
    seed: int = 0
    data_dir: str | None = None
    fail_above: float | None = None
    fail_when_sure: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    given: str | None = None
    in_memory: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("source", "data_dir", "embed"):
            if isinstance(getattr(self, name), Path):
                put(self, name, str(getattr(self, name)))
        if not isinstance(self.source, str):
            raise BadInput(f"source={self.source!r} must be a name, a path or a Dataset")
        for name, bound in BOUNDS.items():
            put(self, name, check(None, name, getattr(self, name), bound))
        for name in ("columns", "ignore", "na"):
            put(self, name, getattr(self.reading, name))
        _check_settings(self.settings)
        put(
            self,
            "detectors",
            EVERY if isinstance(self.detectors, str) and self.detectors == EVERY else requested(self.detectors),
        )
        # lists come from JSON, where a plan is read back
        settings = {name: tuple(v) if isinstance(v, list) else v for name, v in dict(self.settings).items()}
        put(self, "settings", settings)
        check_limit(self.fail_above, self.fail_when_sure)
        if self.transition is not None:
            ESTIMATORS.check(self.transition)
        if self.corrupt is not None:
            corruptions(self.corrupt)
        if self.method is not None:
            with torch.random.fork_rng(devices=[]):  # a method may draw initial values when it is built
                build(self.method)
        if self.model is not None and not is_named_or_classifier(self.model):
            models.check(self.model)
        _ = self.config  # refuses unknown settings and values out of range

    def __repr__(self) -> str:
        default: dict[str, Any] = {one.name: {} if one.name == "settings" else one.default for one in fields(self)}
        stated = [f"{name}={getattr(self, name)!r}" for name in default if getattr(self, name) != default[name]]
        return f"AuditPlan({', '.join(stated)})"

    @classmethod
    def of(cls, source: str | Path, values: Mapping[str, Any]) -> AuditPlan:
        """A plan from fields of the plan and of `Config`, in one mapping.

        Args:
            source: a name, a path or "hf:NAME".
            values: fields by name.

        Raises:
            BadInput: a name that is neither a field of the plan nor of `Config`; whatever the plan refuses.
        """
        own = [one.name for one in fields(cls) if one.name != "source"]
        further = [name for name in Config.__dataclass_fields__ if name not in own]
        for name in values:
            if name not in own and name not in further:
                hint = nearest(str(name), [*own, *further]) or f"; known: {', '.join([*own, *further])}"
                raise BadInput(f"audit has no argument or setting {name!r}{hint}")
        planned = {name: value for name, value in values.items() if name in own}
        settings = {name: value for name, value in values.items() if name in further}
        _check_settings(planned.get("settings", {}))
        planned["settings"] = {**planned.get("settings", {}), **settings}
        return cls(source, **planned)  # type: ignore[arg-type]

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> AuditPlan:
        """A plan from its fields by name, as `summary.json` holds them under `plan`.

        Raises:
            BadInput: an unknown field, a missing source, or a value that is not legal.
        """
        check(None, "plan", written, a(Mapping, "be a mapping of the fields of a plan"))
        if "source" not in written:
            raise BadInput("a plan needs the field 'source'")
        return cls.of(written["source"], {name: value for name, value in written.items() if name != "source"})

    @property
    def reading(self) -> Reading:
        """How the source is read."""
        return Reading(**{name: getattr(self, name) for name in FIELDS})

    @property
    def config(self) -> Config:
        """How each network is trained (see `gathering.recipe`)."""
        return training_config(self.model, self.epochs, self.seed, self.settings)

    @property
    def for_networks(self) -> dict[str, Any]:
        """The requested settings that only networks have: a method, epochs, settings other than the device."""
        asked_for = {"method": self.method, "epochs": self.epochs, **self.settings}
        return {name: value for name, value in asked_for.items() if value is not None and name != "device"}

    @property
    def for_no_classifier(self) -> dict[str, Any]:
        """`for_networks`, and the device unless it is the one that everything runs on."""
        device = {} if self.config.device in ("auto", "cpu") else {"device": self.config.device}
        return {**self.for_networks, **device}

    @property
    def last_layer(self) -> frozenset[str]:
        """What the named detectors need to know of a network's last layer (see `gathering.last_layer`)."""
        names = requested(self.detectors)
        return needed(names or ())

    def plain(self) -> dict[str, Any]:
        """The plan as JSON can hold it: `AuditPlan(**plan.plain())` is the plan again.

        A model or method that is an object appears by its name, and has to be given again as an object.
        """
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        found["settings"] = dict(self.settings)
        found = {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
        for name in ("model", "method"):
            if found[name] is not None and not isinstance(found[name], str):
                found[name] = getattr(found[name], "__qualname__", type(found[name]).__name__)
        return found


def _check_settings(settings: Any) -> None:
    if not isinstance(settings, Mapping):
        raise BadInput(f"settings={settings!r} must be a mapping of fields of Config")
    for name in ("epochs", "seed"):
        if name in settings:
            raise BadInput(f"settings={dict(settings)!r} holds {name!r}, which is a field of the plan itself")
