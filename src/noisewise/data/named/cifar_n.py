"""The named sources CIFAR-10N and CIFAR-100N: CIFAR with labels given by people, together with the truth.

Wei et al., Learning with Noisy Labels Revisited: A Study Using Real-World Human Annotations, ICLR 2022. The labels are
licensed CC BY-NC 4.0 and are not downloaded: they are read from `cifar10n.npz` (arrays `clean`, `aggre`, `random1`,
...; for CIFAR-100N `cifar100n.npz` with `clean` and `noisy`) or from the published `CIFAR-10_human.pt`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.named import cifar
from noisewise.data.named.finder import Finder
from noisewise.data.readers import npz
from noisewise.data.readers.labels import number_labels
from noisewise.doors import parsing
from noisewise.errors import BadInput

PUBLISHED = {
    "clean_label": "clean",
    "aggre_label": "aggre",
    "worse_label": "worse",
    "random_label1": "random1",
    "random_label2": "random2",
    "random_label3": "random3",
    "noisy_label": "noisy",
}


def cifar10n_aggre(finder: Finder) -> Dataset:
    """CIFAR-10 labelled by people, the majority of three labels (Wei et al. 2022)."""
    return _cifar10n(finder, "aggre")


def cifar10n_random1(finder: Finder) -> Dataset:
    """CIFAR-10 labelled by people, the first of three labels (Wei et al. 2022)."""
    return _cifar10n(finder, "random1")


def cifar10n_random2(finder: Finder) -> Dataset:
    """CIFAR-10 labelled by people, the second of three labels (Wei et al. 2022)."""
    return _cifar10n(finder, "random2")


def cifar10n_random3(finder: Finder) -> Dataset:
    """CIFAR-10 labelled by people, the third of three labels (Wei et al. 2022)."""
    return _cifar10n(finder, "random3")


def cifar10n_worse(finder: Finder) -> Dataset:
    """CIFAR-10 labelled by people, a wrong one of three labels if there is one (Wei et al. 2022)."""
    return _cifar10n(finder, "worse")


def cifar100n(finder: Finder) -> Dataset:
    """CIFAR-100 labelled by people, one label each (Wei et al. 2022)."""
    path = finder.need("cifar100n", ("cifar100n.npz", "CIFAR-100_human.pt"))
    labels = _labels(path, "cifar100n", "noisy")
    return _with_labels(cifar.cifar100(finder), "cifar100n", labels, "noisy", path)


def _cifar10n(finder: Finder, variant: str) -> Dataset:
    name = f"cifar10n-{variant}"
    path = finder.need(name, ("cifar10n.npz", "CIFAR-10_human.pt"))
    labels = _labels(path, name, variant)
    return _with_labels(cifar.cifar10(finder), name, labels, variant, path)


def _labels(path: Path, name: str, variant: str) -> dict[str, np.ndarray]:
    labels = dict(npz.Archive(path)) if path.suffix == ".npz" else _published(path)
    for key in ("clean", variant):
        if key not in labels:
            raise BadInput(f"{name} needs the labels {key!r}, but {path} has only {', '.join(labels)}")
    return labels


def _with_labels(images: Dataset, name: str, labels: dict[str, np.ndarray], variant: str, path: Path) -> Dataset:
    given, clean = (number_labels(str(path), labels[key], images.classes) for key in (variant, "clean"))
    if not np.array_equal(clean, images.given):
        raise BadInput(f"the clean labels of {path} differ from those of the {len(images)} images: rows do not match")
    record = {"step": "human labels", "source": name, "changed": float(np.mean(given != clean))}
    return replace(images.with_labels(given, record), name=name)


def _published(path: Path) -> dict[str, np.ndarray]:
    import torch
    from torch.serialization import safe_globals

    allowed: list[Any] = [np.ndarray, np.dtype, *(type(np.dtype(kind)) for kind in ("u1", "i4", "i8"))]
    named = [(_reconstruct(), f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")]
    with parsing(path), safe_globals([*allowed, *named]):
        found = torch.load(path, weights_only=True)
    if not isinstance(found, dict):
        raise BadInput(f"cannot read {path}: it holds {type(found).__name__}, not labels by name")
    return {PUBLISHED[key]: np.asarray(values) for key, values in found.items() if key in PUBLISHED}


def _reconstruct() -> Callable[..., Any]:
    found: Any = np.empty(0).__reduce__()
    return found[0]
