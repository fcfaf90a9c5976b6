"""A folder with the inputs that the pages speak of, made small, in which their code runs."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import noisewise as nw
from noisewise.data.catalogue import SOURCES
from noisewise.data.dataset import Dataset
from noisewise.data.named.cifar import CIFAR10
from noisewise.data.named.mnist import CLOTHES, DIGITS
from noisewise.run.experiment import Experiment

# What the page on plug-ins calls a file of one's own.
MY_FILE = """
from torch import nn

from noisewise.auditing.detectors.predictions.self_confidence import SELF_CONFIDENCE as MY_SCORE
from noisewise.methods import ELR as MyMethod
from noisewise.methods import FocalWeighting as MyWeights
from noisewise.noise.labels.symmetric import Symmetric as MyNoise


def net(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
"""
WORDS = {"good": "lovely warm bright happy fine", "bad": "cold broken awful late wrong"}


def pictures(side, channels, classes, rows=640, tested=60, name="made"):
    """Noisy images that show their class by a bright stripe, with a test split."""
    draw = np.random.default_rng(0)

    def part(n, first, **more):
        given = np.arange(n) % len(classes)
        images = draw.integers(0, 60, (n, side, side, channels), dtype=np.uint8)
        for image, label in zip(images, given, strict=True):
            image[:, label * side // len(classes) : label * side // len(classes) + 2] += 150
        index = np.arange(first, first + n)
        return Dataset(images, given, tuple(classes), "image", index=index, name=name, **more)

    data = part(rows, 0, truth=None, provenance=({"step": "load", "source": name},))
    truth = data.given.copy()
    return replace(data, truth=truth, test=part(tested, rows))


@pytest.fixture
def stand_ins(monkeypatch):
    """Named data sets that are not part of the project are made ones of the same kind; digits are fewer."""
    made = {
        "fashion-mnist": (28, 1, CLOTHES),
        "mnist": (28, 1, DIGITS),
        "cifar10": (32, 3, CIFAR10, 160),  # its networks are large
    }
    digits = SOURCES["digits"]

    def fewer(finder):
        data = digits(finder)
        return replace(data.take(range(500)), test=data.test.take(range(100)))

    loaders = {"digits": fewer} | {
        name: lambda finder, n=name, a=args: pictures(*a, name=n) for name, args in made.items()
    }
    plain = type(SOURCES).__getitem__

    def get(catalogue, name):
        return loaders[name] if catalogue is SOURCES and name in loaders else plain(catalogue, name)

    monkeypatch.setattr(type(SOURCES), "__getitem__", get)


@pytest.fixture
def short_trainings(monkeypatch):
    """Trainings of experiments take one epoch, whatever they state."""
    plain = Experiment.run

    def run(experiment, *args, **kwargs):
        shorter = replace(experiment, config=replace(experiment.config, epochs=1))
        return plain(shorter, *args, **kwargs)

    monkeypatch.setattr(Experiment, "run", run)


def flowers():
    """A table of three species."""
    species = np.array(["setosa", "versicolor", "virginica"])[np.arange(90) % 3]
    values = np.random.default_rng(1).normal(size=(90, 4)) + 3 * (np.arange(90) % 3)[:, None]
    return pd.DataFrame(values, columns=["length", "width", "height", "weight"]).assign(species=species)


@pytest.fixture(scope="session")
def earlier_audit(tmp_path_factory):
    """The folder of an audit of that table, for pages that begin with its review."""
    folder = tmp_path_factory.mktemp("earlier")
    flowers().to_csv(folder / "table.csv", index=False)
    nw.audit(nw.load(folder / "table.csv", labels="species"), model="linear").save(folder / "audit")
    return folder / "audit"


@pytest.fixture
def workplace(tmp_path, monkeypatch, stand_ins, short_trainings, earlier_audit):
    """A folder with photographs, tables, texts and arrays, which is the present folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    draw = np.random.default_rng(0)
    for i in range(48):
        kind = ("cat", "dog")[i % 2]
        folder = tmp_path / "photos" / kind
        folder.mkdir(parents=True, exist_ok=True)
        image = draw.integers(0, 90, (24, 24, 3), dtype=np.uint8)
        image[..., i % 2] += 120
        Image.fromarray(image).save(folder / f"{i}.png")
    table = flowers()
    table.to_csv("table.csv", index=False)
    (tmp_path / "data").mkdir()
    table.to_csv("data/table.csv", index=False)
    np.savez("arrays.npz", X=table.iloc[:, :4].to_numpy(), y=table["species"].to_numpy(dtype=str))
    texts = [(mood, " ".join(draw.permutation(WORDS[mood].split()))) for mood in ("good", "bad") * 40]
    pd.DataFrame(texts, columns=["mood", "review"]).to_csv("reviews.csv", index=False)
    lines = [json.dumps({"team": mood, "body": body}) for mood, body in texts]
    (tmp_path / "tickets.jsonl").write_text("\n".join(lines) + "\n")
    np.save("labels.npy", np.arange(48) % 2)
    sure = np.where(np.arange(48)[:, None] % 2 == np.arange(2), 0.9, 0.1)
    sure[:3] = sure[:3, ::-1]
    np.save("probabilities.npy", sure)
    np.save("embeddings.npy", draw.normal(size=(48, 5)) + 3 * (np.arange(48) % 2)[:, None])
    (tmp_path / "my_file.py").write_text(MY_FILE)
    shutil.copytree(earlier_audit, "audit")
    kept = "".join(f"{index},keep,\n" for index in range(12))
    (tmp_path / "decisions.csv").write_text(f"index,decision,label\n{kept}")
    for person in ("ada", "ben"):
        shutil.copy("decisions.csv", f"{person}.csv")
    shutil.copytree("photos", "SOURCE")
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
