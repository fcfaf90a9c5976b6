"""Category 2d: values of other kinds in the Python API; what is not legal is `BadInput`."""

from __future__ import annotations

import fractions
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

import noisewise as nw

from ..case import Case
from ..made import data, frame

LABELS = np.arange(60) % 3
VALUES: dict[str, Any] = {
    "None": None,
    "True": True,
    "-1": -1,
    "0": 0,
    "1.5": 1.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "10**30": 10**30,
    "1j": 1j,
    "''": "",
    "'x'": "x",
    "'a\\0b'": "a\0b",
    "b'x'": b"x",
    "[]": [],
    "{}": {},
    "object()": object(),
    "np.array([1, 2])": np.array([1, 2]),
    "np.float32(0.5)": np.float32(0.5),
    "np.int64(2)": np.int64(2),
    "torch.tensor([1.0])": torch.tensor([1.0]),
    "pd.NA": pd.NA,
}


def _train(**fields: Any) -> None:
    nw.train(data(), **{"method": "ce", "model": "mlp:8", "epochs": 1, "report": False, **fields})


def _audit(**fields: Any) -> None:
    nw.audit(data(), **{"model": "linear", **fields})


# Arguments by the call in which they stand.
CALLS: dict[str, Callable[[Any], object]] = {
    "nw.load(X)": nw.load,
    "nw.load(frame, labels=X)": lambda value: nw.load(frame(), labels=value),
    "nw.load(frame, labels='label', columns=X)": lambda value: nw.load(frame(), labels="label", columns=value),
    "nw.load((x, y), size=X)": lambda value: nw.load((np.zeros((60, 4)), LABELS), size=value),
    "nw.load((X, y))": lambda value: nw.load((value, LABELS)),
    "nw.load((x, X))": lambda value: nw.load((np.zeros((60, 4)), value)),
    "nw.corrupt(X, 'symmetric:0.2')": lambda value: nw.corrupt(value, "symmetric:0.2"),
    "nw.corrupt(data, X)": lambda value: nw.corrupt(data(), value),
    "nw.corrupt(data, 'symmetric:0.2', seed=X)": lambda value: nw.corrupt(data(), "symmetric:0.2", seed=value),
    "nw.save(X, 'out.npz')": lambda value: nw.save(value, "out.npz"),
    "nw.subset(data, X)": lambda value: nw.subset(data(), value),
    "nw.split(data, validation=X)": lambda value: nw.split(data(), validation=value),
    "nw.split(data, trusted=X)": lambda value: nw.split(data(), trusted=value),
    "nw.split(data, seed=X)": lambda value: nw.split(data(), seed=value),
    "nw.probe(data, X)": lambda value: nw.probe(data(), value),
    "nw.decide(X, 'd.csv')": lambda value: nw.decide(value, "d.csv"),
    "nw.decide(data, X)": lambda value: nw.decide(data(), value),
    "nw.Run.load(X)": lambda value: nw.Run.load(value),
    "nw.Dataset(X, y)": lambda value: nw.Dataset(value, LABELS, classes=("a", "b", "c")),
    "nw.Dataset(x, X)": lambda value: nw.Dataset(np.zeros((60, 4), np.float32), value, classes=("a", "b", "c")),
    "nw.Dataset(x, y, classes=X)": lambda value: nw.Dataset(np.zeros((60, 4), np.float32), LABELS, classes=value),
    "nw.Dataset(x, y, truth=X)": lambda value: nw.Dataset(
        np.zeros((60, 4), np.float32), LABELS, ("a", "b", "c"), truth=value
    ),
    "nw.Dataset(x, y, index=X)": lambda value: nw.Dataset(
        np.zeros((60, 4), np.float32), LABELS, ("a", "b", "c"), index=value
    ),
    "nw.train(X)": lambda value: nw.train(value, method="ce", model="mlp:8", epochs=1, report=False),
    "nw.audit(X)": lambda value: nw.audit(value, model="linear"),
    "nw.audit(data, probs=X)": lambda value: nw.audit(data(), probs=value),
    "nw.audit(data, features=X)": lambda value: nw.audit(data(), features=value),
    "CleanLearner(LogisticRegression(), cv=X)": lambda value: nw.CleanLearner(LogisticRegression(), cv=value).fit(
        data().inputs, LABELS
    ),
    **{
        f"nw.train(data, {name}=X)": lambda value, name=name: _train(**{name: value})
        for name in (
            *(
                "method",
                "model",
                "epochs",
                "seed",
                "batch_size",
                "lr",
                "momentum",
                "weight_decay",
                "milestones",
                "gamma",
            ),
            *(
                "clip_norm",
                "patience",
                "validation",
                "select",
                "augment",
                "optimizer",
                "schedule",
                "device",
                "noise_rate",
            ),
            *("corrupt", "rows", "trusted", "preset", "probe", "out", "resume", "on_epoch", "labels", "no_such_field"),
        )
    },
    **{
        f"nw.audit(data, {name}=X)": lambda value, name=name: _audit(**{name: value})
        for name in (
            *("model", "method", "epochs", "folds", "seed", "rows", "fail_above", "budget", "detectors", "transition"),
            *("conditions", "engine", "workers", "out", "corrupt", "embed", "on_progress", "labels", "no_such_field"),
        )
    },
}
# These are ordinary numbers: they must be accepted.
LEGAL: dict[str, Callable[[], object]] = {
    "nw.train(data, epochs=np.int64(2))": lambda: _train(epochs=np.int64(2)),
    "nw.train(data, batch_size=np.int64(16))": lambda: _train(batch_size=np.int64(16)),
    "nw.train(data, lr=np.float32(0.01))": lambda: _train(lr=np.float32(0.01)),
    "nw.train(data, lr=Fraction(1, 100))": lambda: _train(lr=fractions.Fraction(1, 100)),
    "nw.train(data, seed=np.uint8(3))": lambda: _train(seed=np.uint8(3)),
    "nw.train(data, noise_rate=np.float64(0.2))": lambda: _train(noise_rate=np.float64(0.2)),
    "nw.audit(data, folds=np.int32(3))": lambda: _audit(folds=np.int32(3)),
    "nw.audit(data, seed=np.int16(3))": lambda: _audit(seed=np.int16(3)),
    "nw.corrupt(data, 'symmetric:0.2', seed=np.int64(3))": lambda: nw.corrupt(
        data(), "symmetric:0.2", seed=np.int64(3)
    ),
    "a search over np.arange of the epochs of NoisyClassifier": lambda: _searched(),
}
REFUSED: dict[str, Callable[[], object]] = {
    "nw.train(data, epochs=1.5)": lambda: _train(epochs=1.5),
    "nw.train(data, batch_size=2.5)": lambda: _train(batch_size=2.5),
    "nw.train(data, method=None)": lambda: _train(method=None),
    "nw.load(123)": lambda: nw.load(123),
    "nw.corrupt('digits', 'symmetric:x')": lambda: nw.corrupt(nw.load("digits"), "symmetric:x"),
    "nw.audit(data, seed=-1)": lambda: _audit(seed=-1),
    "nw.audit(data, folds='x')": lambda: _audit(folds="x"),
    "nw.audit(data, fail_above='x')": lambda: _audit(fail_above="x"),
    **{
        f"nw.train(data, noise_rate={rate})": lambda rate=rate: _train(noise_rate=rate)
        for rate in (-1, 2, float("nan"))
    },
}


def cases() -> Iterator[Case]:
    """All of them."""
    for call, function in CALLS.items():
        calls = {
            call.replace("X", name): lambda function=function, value=value: function(value)
            for name, value in VALUES.items()
        }
        yield Case("2d", call, calls, ours=("out*", "x", "x/*"), seconds=600, kept=True)
    yield Case("2d", "ordinary numbers of other kinds", LEGAL, codes=(0,), seconds=600)
    yield Case("2d", "what is not legal", REFUSED, codes=(2,), seconds=600)


def _searched() -> None:
    from sklearn.model_selection import RandomizedSearchCV

    search = RandomizedSearchCV(
        nw.NoisyClassifier(method="ce", model="mlp:8"),
        {"epochs": np.arange(1, 3)},
        n_iter=2,
        cv=2,
        error_score="raise",
        random_state=0,
    )
    known = data()
    search.fit(known.inputs, known.given)
