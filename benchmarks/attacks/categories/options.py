"""Category 2b, options: odd values of every option of every method, corruption, model and probe, and of a training."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np

import noisewise as nw
from noisewise.models.build import build as build_model

from ..case import ENDS, Case
from ..made import data, photos, table

VALUES = ("none", "-1", "0", "0.5", "nan", "1e300", "a-word", "true")
SETTINGS = {
    name: ("none", "-1", "0", "0.5", "nan", "inf", "1e39", "a-word", "")
    for name in nw.Config.__dataclass_fields__
    if name not in ("device", "compile")
}
# Values that mean something; all others of the settings below are refused.
REFUSED = {
    "clip_norm": ("-1", "nan", "inf", "1e39", "a-word"),
    "gamma": ("none", "-1", "nan", "inf", "1e39", "a-word"),
    "patience": ("-1", "0", "0.5", "nan", "inf", "a-word"),
    "milestones": ("-1", "nan", "inf", "1e39", "a-word"),
    "lr": ("-1", "nan", "inf", "1e39", "a-word"),
    "batch_size": ("none", "-1", "0", "0.5", "nan", "inf", "a-word"),
    "momentum": ("none", "-1", "nan", "inf", "1e39", "a-word"),
    "validation": ("none", "-1", "nan", "inf", "1e39", "a-word"),
}
SPECS = (
    *("forward:matrix=0.5", "forward:estimator=5", "hoc", "dividemix:warmup=0", "meta-weight-net:hidden=2.5"),
    *("meta-weight-net:weight_decay=-1", "hard-mining:positive=0.5", "pgd-training:steps=0.5", "d2l:neighbours=2.5"),
    *(
        "",
        "+",
        ":",
        "ce+",
        "+ce",
        "ce:",
        "ce:q",
        "ce:q=",
        "gce:0.5,0.6",
        "gce:q=0.5,q=0.6",
        "gce:q=0.5:q=0.6",
        "ce+ce+ce",
    ),
    *('gce:q="', 'forward:matrix="none.npy"', "gce:q=" + "9" * 5000, "x" * 100_000, "ce\0", "\ud800", "gce: q = 0.5"),
    *(
        "os:getcwd",
        "torch:zeros",
        ".foo:bar",
        "foo.:bar",
        "os.path:join",
        "no_such_module:x",
        "builtins:exit",
        "sys:exit",
    ),
    *("coteaching+dividemix", "mixup+mixup", "elr+coteaching", "auto+ce", "ce+auto", "pes+elr"),
)


def cases() -> Iterator[Case]:
    """All of them."""
    for name, entry in nw.METHODS.items():
        specs = _specs(name, entry, ("training",))
        calls = {f'nw.train(data, "{spec}", "mlp:8", 2)': lambda spec=spec: _train(spec) for spec in specs}
        yield Case("2b", f"odd options of the method {name}", calls, seconds=600)
    for name, entry in nw.CORRUPTIONS.items():
        calls = {f'nw.corrupt(data, "{spec}")': lambda spec=spec: _corrupt(spec) for spec in _specs(name, entry, ())}
        yield Case("2b", f"odd options of the corruption {name}", calls, seconds=600)
    for name, entry in nw.MODELS.items():
        specs = _specs(name, entry, ("shape", "classes"))
        calls = {f'build("{spec}", (3, 32, 32), 10)': lambda spec=spec: _build(spec) for spec in specs}
        yield Case("2b", f"odd options of the model {name}", calls, seconds=600)
    for name, entry in nw.PROBES.items():
        specs = _specs(name, entry, ())
        calls = {f'nw.train(data, probe="{spec}")': lambda spec=spec: _train("ce", probe=spec) for spec in specs}
        yield Case("2b", f"odd options of the probe {name}", calls, seconds=600)
    for name, values in SETTINGS.items():
        for value in values:
            codes = (2,) if value in REFUSED.get(name, ()) else ENDS
            words = [
                "train",
                "t.csv",
                "--method",
                "ce",
                "--model",
                "mlp:8",
                "--set",
                "epochs=2",
                "--set",
                f"{name}={value}",
            ]
            yield Case("2b", f"a setting {name}={value}", [*words, "--out", "out"], table, codes)
    for spec in SPECS:
        words = ["train", "t.csv", "--model", "mlp:8", "--epochs", "2", "--method", spec, "--out", "out"]
        yield Case("2b", "a method as text", words, table)
        words = ["train", "t.csv", "--method", "ce", "--epochs", "2", "--model", spec, "--out", "out"]
        yield Case("2b", "a model as text", words, table)
        yield Case("2b", "a corruption as text", ["corrupt", "t.csv", spec, "--out", "out.csv"], table)
        yield Case("2b", "a probe as text", ["probe", spec, "t.csv"], table)
        yield Case("2b", "a detector as text", ["audit", "t.csv", "--detectors", spec, "--out", "out"], table)
        yield Case("2b", "a source as text", ["audit", spec, "--out", "out"], codes=(2,))
    for option, spec in (("--augment", "crop:-1"), ("--augment", "rotate:nan"), ("--augment", "flip+flip+x")):
        words = ["train", "p", "--method", "ce", "--epochs", "1", "--set", f"{option[2:]}={spec}", "--out", "out"]
        yield Case("2b", f"augment {spec}", words, photos)


def _specs(name: str, entry: object, given: tuple[str, ...]) -> list[str]:
    """Every option with every odd value."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    signature = inspect.signature(entry)  # type: ignore[arg-type]
    options = [option for option, one in signature.parameters.items() if option not in given and one.kind not in kinds]
    return [f"{name}:{option}={value}" for option in options for value in VALUES]


def _train(spec: str, **more: str) -> None:
    run = nw.train(data(), spec, "mlp:8", 2, report=False, **more)
    numbers = run.samples.select_dtypes("number").to_numpy()
    if np.isinf(numbers).any() or np.isnan(run.samples["suspicion"]).any():
        raise AssertionError(f"samples of {spec} that are not finite")


def _corrupt(spec: str) -> None:
    noisy = nw.corrupt(data(), spec)
    if not np.isfinite(noisy.inputs).all() or noisy.given.min() < 0 or noisy.given.max() >= len(noisy.classes):
        raise AssertionError(f"{spec} gives rows that are not legal")


def _build(spec: str) -> None:
    build_model(spec, (3, 32, 32), 10)
