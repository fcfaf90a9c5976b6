"""The data sets on which the audit is shown, with their truth: nothing in the package was chosen on them.

Photographs are written as folders of PNG files, one per class, from the first half of the training rows of CIFAR-10,
Fashion-MNIST and MNIST. Tables are CSV files with the column `label` from a folder: glass, sonar, votes, shuttle, spam,
musk, income and breast_wisconsin, as the R packages mlbench (Glass, Sonar, HouseVotes84, Shuttle, BreastCancer) and
kernlab (spam, musk, income) hold them. Texts are CSV files in its folder `texts/shown`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn import datasets

import noisewise as nw
from noisewise.data import Dataset, subset

SEED = 15
NOISES = ("-", "symmetric:0.1", "pair:0.2", "annotators:0.1")
OF_TEXTS = ("symmetric:0.1", "annotators:0.1")
FOLDERS = {
    ("cifar10", 2000): ("symmetric:0.08",),
    ("fashion-mnist", 3000): ("-", "symmetric:0.1", "pair:0.2", "annotators:0.2"),
    ("cifar10", 4000): ("symmetric:0.2", "annotators:0.2"),
    ("mnist", 3000): ("-", "pair:0.1", "annotators:0.1"),
}
HUMAN = ("cifar10n-aggre", "cifar10n-random1")
TABLES = ("glass", "sonar", "votes", "shuttle", "spam", "musk", "income", "breast_wisconsin")
MOST_ROWS = 4000


@dataclass(frozen=True)
class Shown:
    """A data set with noise.

    Attributes:
        data: what the rows are.
        noise: the corruption; "-" for none.
        kind: "photographs", "table", "text" or "case".
        write: writes the files into a folder, and returns the (n,) names of the true classes, in the order in which the
            reader has the rows.
    """

    data: str
    noise: str
    kind: str
    write: Callable[[Path], np.ndarray]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return "".join(sign if sign.isalnum() else "-" for sign in f"{self.data} {self.noise}")

    def made(self, work: Path) -> tuple[Path, np.ndarray]:
        """The source to audit and the (n,) names of the true classes; written once."""
        folder = work / "sets" / self.name
        if not (folder / "truth.npy").exists():
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / "truth.npy", self.write(folder).astype(str))
        table = folder / "data.csv"
        return table if table.exists() else folder / "photos", np.load(folder / "truth.npy")


def shown_sets(tables: Path, human: bool = False) -> list[Shown]:
    """All sets; those with `human` labels only where they are asked for, since they are looked at once."""
    found = [
        Shown(f"{source} photographs, {rows:,}", noise, "photographs", _folder(source, rows, noise))
        for (source, rows), noises in FOLDERS.items()
        for noise in noises
    ]
    makers = {name: _stored(tables / f"{name}.csv") for name in TABLES}
    makers |= {"wine": _sklearn("wine"), "breast cancer": _sklearn("breast_cancer"), "clinic": clinic}
    found += [
        Shown(name, noise, "table", _table(maker, noise))
        for name, maker in makers.items()
        for noise in (NOISES if name != "clinic" else ("symmetric:0.08", *NOISES))
    ]
    for file in sorted((tables / "texts" / "shown").glob("*.csv")):
        found += [Shown(f"texts {file.stem}", n, "text", _table(_stored(file), n)) for n in OF_TEXTS]
    found += [
        Shown("texts beside numbers", "symmetric:0.08", "case", _table(texts_beside_numbers, "symmetric:0.08")),
        Shown("slips of 40000", "every tenth", "case", _slips),
        Shown("photographs of 320 to 800 pixels", "symmetric:0.1", "case", _large),
        Shown("digits", "-", "case", _table(_sklearn("digits"), "-")),
    ]
    if human:
        found += [Shown(f"{n} photographs, 4,000", "human", "photographs", _folder(n, 4000, "-")) for n in HUMAN]
    return found


def corrupted(data: Dataset, noise: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) names of the given and (n,) of the true classes."""
    names, truth = np.array(data.classes), data.given if data.truth is None else data.truth
    given = data.given if noise == "-" else nw.corrupt(data, noise, seed=SEED).given
    return names[given], names[truth]


@cache
def _images(source: str, rows: int) -> Dataset:
    data = nw.load(source)
    return subset(data.take(np.arange(len(data) // 2)), rows, SEED)


def _folder(source: str, rows: int, noise: str) -> Callable[[Path], np.ndarray]:
    def write(folder: Path) -> np.ndarray:
        data = _images(source, rows)
        pictures = [Image.fromarray(image.squeeze()) for image in data.inputs[:]]
        return _written(folder, pictures, *corrupted(data, noise))

    return write


def _written(folder: Path, pictures: list[Image.Image], given: np.ndarray, truth: np.ndarray) -> np.ndarray:
    given, truth = (np.char.replace(names, "/", " or ") for names in (given, truth))
    order = sorted(range(len(given)), key=lambda row: (given[row], row))
    for row in order:
        place = folder / "photos" / given[row]
        place.mkdir(parents=True, exist_ok=True)
        pictures[row].save(place / f"{row:06d}.png")
    return truth[order]


def _large(folder: Path) -> np.ndarray:
    data, rng = _images("cifar10", 241), np.random.default_rng(SEED)
    sizes = rng.integers(320, 801, (len(data), 2))
    pictures = [
        Image.fromarray(image).resize((int(width), int(height)), Image.Resampling.BICUBIC)
        for image, (width, height) in zip(data.inputs[:], sizes, strict=True)
    ]
    return _written(folder, pictures, *corrupted(data, "symmetric:0.1"))


def _table(maker: Callable[[], pd.DataFrame], noise: str) -> Callable[[Path], np.ndarray]:
    def write(folder: Path) -> np.ndarray:
        frame = maker()
        frame.to_csv(folder / "clean.csv", index=False)
        data = nw.load(folder / "clean.csv", labels="label")
        if len(data) > MOST_ROWS:
            data = subset(data, MOST_ROWS, SEED)
        given, truth = corrupted(data, noise)
        frame.iloc[data.index].assign(label=given).to_csv(folder / "data.csv", index=False)
        return truth

    return write


def _stored(file: Path) -> Callable[[], pd.DataFrame]:
    return lambda: pd.read_csv(file)


def _sklearn(name: str) -> Callable[[], pd.DataFrame]:
    def frame() -> pd.DataFrame:
        found = getattr(datasets, f"load_{name}")()
        return pd.DataFrame(found.data).add_prefix("x").assign(label=found.target_names[found.target])

    return frame


def clinic() -> pd.DataFrame:
    """1,200 patients: numbers, categories and missing values; three diagnoses that overlap."""
    rng, n = np.random.default_rng(SEED), 1200
    diagnosis = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    age = np.clip(rng.normal(np.array([48, 57, 63])[diagnosis], 13), 18, 95).round()
    crp = np.exp(rng.normal(np.array([0.8, 1.9, 2.6])[diagnosis], 0.7))
    sugar = rng.normal(np.array([92, 118, 105])[diagnosis], 15)
    frame = pd.DataFrame(
        {
            "age": age,
            "sex": rng.choice(["f", "m"], n),
            "crp": crp.round(1),
            "glucose": sugar.round(),
            "systolic": rng.normal(np.array([126, 137, 146])[diagnosis], 15).round(),
            "leukocytes": rng.normal(np.array([6.8, 7.6, 11.0])[diagnosis], 2.0).round(1),
            "ward": np.array(["north", "south", "emergency"])[_mostly(diagnosis, 0.55, rng)],
            "smoker": np.array(["never", "former", "daily"])[_mostly(diagnosis, 0.5, rng)],
            "admitted": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, n), "D"),
            "height": rng.normal(170, 9, n).round(),
        }
    )
    for column, share in {"crp": 0.12, "glucose": 0.05, "smoker": 0.08}.items():
        frame.loc[rng.random(n) < share, column] = None
    return frame.assign(label=np.array(["none", "diabetes", "sepsis"])[diagnosis])


def _mostly(diagnosis: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(diagnosis)) < share, diagnosis, rng.integers(0, 3, len(diagnosis)))


WORDS = {
    "billing": "invoice refund charged twice payment card price subscription receipt cancel bank amount tax euro month",
    "delivery": "parcel courier late tracking address arrived box damaged shipped warehouse days door lost van sign",
    "account": "password login email reset locked profile username verify link code phone name delete settings access",
}
EVERYWHERE = (
    "please help me i my the a it is was not again still since yesterday why when today your order hello thanks"
)


def texts_beside_numbers() -> pd.DataFrame:
    """900 short messages to a shop beside the customer's age."""
    rng = np.random.default_rng(SEED)
    topics, common = {name: words.split() for name, words in WORDS.items()}, EVERYWHERE.split()
    labels = rng.choice(list(topics), 900)
    messages = [
        " ".join(rng.permutation([*rng.choice(topics[label], rng.integers(2, 5)), *rng.choice(common, 6)]))
        for label in labels
    ]
    return pd.DataFrame({"message": messages, "age": rng.integers(18, 90, 900), "label": labels})


def _slips(folder: Path) -> np.ndarray:
    """240 rows of two classes in two columns, each of which has one slip of 40000; every tenth label is wrong."""
    rng = np.random.default_rng(0)
    truth = np.repeat(["left", "right"], 120)
    columns = rng.normal(size=(240, 2)) + np.where(truth == "left", -2.0, 2.0)[:, None]
    columns[17, 0] = columns[203, 1] = 40000
    given = truth.copy()
    given[::10] = np.where(truth[::10] == "left", "right", "left")
    pd.DataFrame(columns, columns=["x", "y"]).assign(label=given).to_csv(folder / "data.csv", index=False)
    return truth
