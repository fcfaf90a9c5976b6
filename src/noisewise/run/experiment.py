"""Experiment: one training as a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from noisewise import models
from noisewise.bounds import PATH, TEXT, Bound, a, below, bounded, check, number, whole
from noisewise.data import Dataset, split, subset
from noisewise.data.images.files import at_size
from noisewise.data.objects.memory import KINDS, in_memory, name_of
from noisewise.data.reading import FIELDS, Reading
from noisewise.data.sources import read
from noisewise.errors import BadInput, nearest, shown
from noisewise.files import digest, occupied
from noisewise.methods import METHODS, build
from noisewise.methods.presets import preset as named_preset
from noisewise.noise import corrupt
from noisewise.noise.corruption import corruptions
from noisewise.run.observers import build_observers, check_observers
from noisewise.run.result import Run, result
from noisewise.run.truth import TruthObserver
from noisewise.spec import parse
from noisewise.training import distributed
from noisewise.training.config import Config, configured
from noisewise.training.method import Method
from noisewise.training.observer import Observer
from noisewise.training.trainer import Training

Recipe = Callable[..., None]
Model = str | nn.Module | Callable[..., nn.Module]


def _is_trusted(value: Any) -> bool:
    return whole(0).allows(value) or (isinstance(value, str) and value != "")


BOUNDS: dict[str, Bound] = {
    "rows": whole(1) | None,
    "tested": whole(1) | None,
    "trusted": Bound("be a whole number of at least 0, a file or a column", _is_trusted),
    "size": whole(1) | None,
    "noise_rate": below(1) | None,
}


@dataclass(frozen=True, repr=False)
class Experiment:
    """One training as data: equal experiments end at equal weights.

    `Experiment("digits", "elr", corrupt="symmetric:0.4", config=Config(epochs=5)).run("folder")` trains and writes the
    results. `run.json` holds the experiment: `Experiment.read(json.load(file)["experiment"]).run()` trains it again.
    Objects (a Dataset, a Method, a recipe function, a module) can be given in place of names; such an experiment can
    be run, but has no key and cannot be written.

    Attributes:
        source: the data: a name, a path, "hf:NAME", a Dataset, or data in memory as for `load`.
        method: a spec such as "elr" or "cdr:tau=0.4+gce", a Method, or a recipe; "auto" looks at the labels first.
        model: a catalogue name with its options, "module:function", a callable or a module; None is the default for
            the kind of data.
        corrupt: a corruption spec, applied before splitting; None leaves the labels as they are.
        rows: number of training rows, a stratified random subset drawn by the seed; None takes all.
        tested: number of test rows, a stratified random subset that is the same for every seed; None takes all.
        trusted: number of rows with known-correct labels to set aside for methods that need them; or where the source
            has such rows: a file, or a column of a table.
        noise_rate: the noise rate in [0, 1), where it is known; methods that need it otherwise estimate it.
        observe: names of `OBSERVERS`, such as "fisher,curvature:top=3"; what needs only the truth is always measured.
        preset: name of the published settings that the other fields were taken from (see `Experiment.of`).
        labels: how the source is read, as are the next fields down to `skip_broken` (see `data.reading.Reading`); here
            the label column of a table.
        text: the column of a table whose texts are the only input.
        columns: the columns of a table to learn from; () takes all that can be learned from.
        ignore: columns of a table that are never an input.
        id: the column of a table that names its rows.
        na: texts that mean a missing value.
        size: N, to give images in files to the network at N x N pixels; None is the model's size, else the reader's.
        skip_broken: whether images that cannot be read are left out.
        data_dir: a folder to look for named sources in.
        config: the settings of the training, among them epochs and seed; a mapping of settings becomes a Config.

    Raises:
        BadInput: a field that is not legal.
    """

    source: Any
    method: str | Method | Recipe = "auto"
    model: Model | None = None
    corrupt: str | None = None
    rows: int | None = None
    tested: int | None = None
    trusted: int | str = 0
    noise_rate: float | None = None
    observe: str = ""
    preset: str | None = None
    labels: str | None = None
    text: str | None = None
    columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    id: str | None = None
    na: tuple[str, ...] = ()
    size: int | None = None
    skip_broken: bool = False
    data_dir: str | None = None
    config: Config = field(default_factory=Config)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        if not isinstance(self.config, (Config, Mapping)):
            raise BadInput(f"config={self.config!r} must be a Config or a mapping of its fields")
        if isinstance(self.config, Mapping):
            settings = dict(self.config)
            put("config", configured(settings.pop("epochs", Config.epochs), settings.pop("seed", 0), settings))
        if isinstance(self.source, Path):
            put("source", str(self.source))
        if isinstance(self.data_dir, Path):
            put("data_dir", str(self.data_dir))
        if not isinstance(self.source, (str, Dataset)) and not in_memory(self.source):
            raise BadInput(f"source={shown(self.source)} must be a name, a path or a Dataset; or {KINDS}")
        if isinstance(self.source, str) and not self.source:
            raise BadInput(f"source={self.source!r} must be a name, a path or a Dataset")
        for name in ("data_dir", "preset", "corrupt"):
            check(None, name, getattr(self, name), TEXT)
        with torch.random.fork_rng(devices=[]):  # a method may draw initial values when it is built
            build(self.method)
        if self.model is not None:
            models.check(self.model)
        if self.corrupt is not None:
            corruptions(self.corrupt)
        for name, bound in BOUNDS.items():
            put(name, check(None, name, getattr(self, name), bound))
        put("noise_rate", number(self.noise_rate))
        for name in ("columns", "ignore", "na"):
            put(name, getattr(self.reading, name))
        check_observers(self.observe)
        if self.preset is not None:
            found = named_preset(parse(_name(self.method), METHODS)[0].name, self.preset)
            if found.method != self.method:
                how = "Experiment.of and noisewise.train take a method and a preset by their names"
                raise BadInput(f"preset={self.preset!r} is of {found.method!r}, not of {self.method!r}: {how}")

    @classmethod
    def of(
        cls,
        source: Any,
        *,
        epochs: int | None = None,
        seed: int = 0,
        preset: str | None = None,
        probe: str | None = None,
        **named: Any,
    ) -> Experiment:
        """An experiment from keywords alone: fields of Experiment and fields of Config by name.

        Args:
            source: the data.
            epochs: of the training; None is the preset's, else 20.
            seed: random seed.
            preset: published settings of the method by name, such as "paper-cifar10-sym50": its options, and the
                model, epochs and further settings where they are not stated here.
            probe: names of probes, added to `observe`.
            **named: further fields of Experiment; and fields of Config, or `config` in place of them.

        Raises:
            BadInput: an unknown name, a value that is not legal, or a Config along with its fields or a preset.
        """
        if "config" in named:
            also = {"epochs": epochs, "seed": seed or None, "preset": preset}
            also |= {name: value for name, value in named.items() if name in Config.__dataclass_fields__}
            if stated := [name for name, value in also.items() if value is not None]:
                raise BadInput(f"config is given along with {', '.join(stated)}: give either a Config or its fields")
        check(None, "preset", preset, TEXT)
        check(None, "probe", probe, Bound("name a probe", lambda text: isinstance(text, str) and text != "") | None)
        if preset is not None:
            found = named_preset(_name(named.get("method", cls.method)), preset)
            named = {**found.settings, **named, "method": found.method}
            named["model"] = found.model if named.get("model") is None else named["model"]
            epochs = found.epochs if epochs is None else epochs
        own = {f.name: named.pop(f.name) for f in fields(cls) if f.name in named}
        if probe is not None:
            own["observe"] = ",".join(filter(None, (own.get("observe"), probe)))
        config = configured(Config.epochs if epochs is None else epochs, seed, named)
        return cls(source, preset=preset, **{"config": config, **own})

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Experiment:
        """An experiment from its fields by name, as `run.json` holds them under `experiment`.

        Raises:
            BadInput: an unknown field, a missing source, or a value that is not legal.
        """
        known = [f.name for f in fields(cls)]
        check(None, "experiment", written, a(Mapping, "be a mapping of the fields of an experiment"))
        for name in written:
            if name not in known:
                raise BadInput(
                    f"an experiment has no field {name!r}{nearest(str(name), known)}; fields: {', '.join(known)}"
                )
        if "source" not in written:
            raise BadInput("an experiment needs the field 'source'")
        return cls(**written)

    def __repr__(self) -> str:
        return f"Experiment({', '.join(f'{name}={value!r}' for name, value in self.stated().items())})"

    def stated(self) -> dict[str, Any]:
        """The fields that differ from the defaults, and those of the Config, in one mapping."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "config"}
        defaults = {f.name: f.default for f in fields(self)}
        return {n: v for n, v in own.items() if v is not defaults[n] and v != defaults[n]} | self.config.stated()

    def plain(self) -> dict[str, Any]:
        """All fields as plain data; `Experiment(**plain)` is equal to this one.

        Raises:
            BadInput: an object stands in place of a name.
        """
        for name in ("source", "method", "model"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise BadInput(f"{name} is an object, {value!r}, and only an experiment of names can be written")
        return asdict(self)

    @property
    def key(self) -> str:
        """A hash of the fields that differ from the defaults, to address a folder by.

        The method counts as stated unless it is "ce", as when that was the default: folders of results keep their
        names.

        Raises:
            BadInput: an object stands in place of a name.
        """
        self.plain()
        hashed = {**self.stated(), "method": self.method}
        return digest({name: value for name, value in hashed.items() if (name, value) != ("method", "ce")})

    @property
    def title(self) -> str:
        """What distinguishes experiments, in one line."""
        parts = [self.source_name, self.corrupt, self.method_name, self.model_name, f"seed {self.config.seed}"]
        return " ".join(part for part in parts if part)

    @property
    def source_name(self) -> str:
        """The source as text."""
        if isinstance(self.source, str):
            return self.source
        return self.source.name if isinstance(self.source, Dataset) else name_of(self.source)

    @property
    def method_name(self) -> str:
        """The method as text that is the same in every process."""
        if isinstance(self.method, Method):
            return repr(self.method)
        method = self.method
        return method if isinstance(method, str) else getattr(method, "__qualname__", type(method).__name__)

    @property
    def model_name(self) -> str | None:
        """The model as text; None is the default for the data."""
        return self.model if self.model is None or isinstance(self.model, str) else type(self.model).__name__

    @property
    def reading(self) -> Reading:
        """How the source is read."""
        values = {name: getattr(self, name) for name in FIELDS if name != "trusted"}
        return Reading(**values, trusted=self.trusted if isinstance(self.trusted, str) else None)

    @property
    def drawn(self) -> int:
        """The number of trusted rows to set aside: 0 where `trusted` says which rows these are."""
        return 0 if isinstance(self.trusted, str) else self.trusted

    def load(self) -> Dataset:
        """The data set of the source, with images in files at the size for the network.

        Raises:
            BadInput: the source cannot be read, or a size is stated for what is not read from files.
        """
        data = read(self.source, self.reading, data_dir=self.data_dir)
        side = models.side_of(self.model)
        return data if side is None else at_size(data, side, stated=False)

    def data(self, loaded: Dataset | None = None) -> Dataset:
        """Load the source, take the subset, corrupt and split it; the truth is kept where it is known.

        Args:
            loaded: what `load` gives, if it has been called already.

        Raises:
            BadInput: the source cannot be read, or lacks the requested rows or splits.
        """
        seed, data = self.config.seed, self.load() if loaded is None else loaded
        if self.rows is not None:
            data = subset(data, self.rows, seed)
        if self.tested is not None:
            if data.test is None:
                raise BadInput(f"tested={self.tested} asks for test rows, and {data.name} has none")
            data = replace(data, test=subset(data.test, self.tested))
        if self.corrupt:
            data = corrupt(data, self.corrupt, seed=seed)
        validation = self.config.validation if data.validation is None else 0.0
        return split(data, validation=validation, trusted=self.drawn, seed=seed)

    def training(
        self,
        data: Dataset,
        observers: Iterable[Observer] = (),
        *,
        folder: str | Path | None = None,
        resume: bool = False,
    ) -> Training:
        """The training of this experiment, ready for its method.

        Its settings are those of `config`, completed by the recipe on the model's card (see `Config.following`).

        Args:
            data: what `data()` gives.
            observers: in addition to those of `observe` and the one of the truth.
            folder: for checkpoints; None keeps none.
            resume: continue from the checkpoint in the folder, if there is one.
        """
        model = models.DEFAULTS[data.kind] if self.model is None else self.model
        named = [part for part in build_observers(self.observe, data) if not isinstance(part, TruthObserver)]
        return Training(
            data,
            model,
            self.config.following(models.recipe_of(model)),
            folder=None if folder is None else Path(folder),
            resume=resume,
            observers=[TruthObserver(data), *named, *observers],
            noise_rate=self.noise_rate,
            method=self.method_name,
        )

    @bounded(None, {"folder": PATH | None})
    def run(
        self,
        folder: str | Path | None = None,
        *,
        resume: bool = False,
        report: bool = True,
        observers: Iterable[Observer] = (),
        loaded: Dataset | None = None,
    ) -> Run:
        """Train. In a program that `torchrun` started in several processes, all of them train together.

        Args:
            folder: for results and checkpoints; None writes nothing.
            resume: continue from the checkpoint in the folder, if there is one.
            report: whether `report.html` is written too.
            observers: in addition to those of `observe`.
            loaded: the data set of the source, if it has been loaded already.

        Raises:
            BadInput: an argument is not legal, or another process writes to the folder.
            Diverged: the loss became infinite or NaN.
        """
        distributed.join()
        folder = None if folder is None else Path(folder)
        with occupied(folder if distributed.writes() else None):
            data = self.data(loaded)
            distributed.expect_equal("experiment", (repr(self) if self._written() else "", len(data)))
            with distributed.together():
                training = self.training(data, observers, folder=folder and folder / "checkpoint", resume=resume)
                build(self.method)(training)
                training.finish()
            about = {"method": self.method_name, "preset": self.preset, "experiment": self._written()}
            run = result(training, data, about)
            if folder is not None and distributed.writes():
                run.save(folder, report=report)
        return run

    def _written(self) -> dict[str, Any] | None:
        named = all(v is None or isinstance(v, str) for v in (self.source, self.method, self.model))
        return self.plain() if named else None


def _name(method: Any) -> str:
    """A method's name: presets belong to names alone."""
    if not isinstance(method, str):
        raise BadInput("a preset is of a method given by its name")
    return method
