"""Category 2b, commands: numbers, paths to write to, TOML files of benches, and damaged results of earlier runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..case import ENDS, Case, Outcome
from ..made import QUICK, all_of, copied, table, text, write

TRAIN = ["train", "t.csv", "--method", "ce", "--model", "mlp:8"]
AUDIT = ["audit", "t.csv", *QUICK]
GRID = 'source = "t.csv"\nmethod = ["ce", "gce"]\nmodel = "mlp:8"\nepochs = 1\n'
BENCH = ["bench", "grid.toml", "--engine", "serial", "--out", "out"]
NUMBERS = ("-1", "0", "1", "1.5", "nan", "inf", "1e9", "99999999999999999999", "x", "", "\u0661", "0x10", "1_0")


def cases() -> Iterator[Case]:
    """All of them."""
    for option in ("--epochs", "--rows", "--seed", "--size", "--trusted"):
        for number in NUMBERS:
            if option == "--epochs" and number in ("1e9", "99999999999999999999"):
                yield Case("2b", "a training without end", [*TRAIN, option, number, "--out", "out"], table, (2,))
                continue
            yield Case(
                "2b",
                f"{option} of a training",
                [*TRAIN, "--set", "batch_size=32", option, number, "--out", "out"],
                table,
            )
    for option in ("--folds", "--workers", "--fail-above", "--rows", "--seed", "--epochs", "--budget", "--device"):
        for number in NUMBERS:
            yield Case("2b", f"{option} of an audit", [*AUDIT, option, number, "--out", "out"], table, (0, 1, 2))
    for words in FLAGS:
        yield Case("2b", "options that do not fit", [*words, "--out", "out"], all_of(table, _matrices), (2,))
    yield from _outs()
    for name, content in TOML.items():
        codes = (2,) if name.startswith("!") else (0, 1, 2)
        before = all_of(table, text("grid.toml", content))
        yield Case("2b", f"TOML: {name.lstrip('!')}", BENCH, before, codes, memory=512 << 20)
    for kind, damage in DAMAGES.items():
        yield Case(
            "2b",
            f"an earlier run.json {kind}",
            BENCH,
            all_of(_benched, lambda damage=damage: _harm("run.json", damage)),
            after=_ranked,
        )
        yield Case(
            "2b",
            f"samples of an earlier run {kind}",
            BENCH,
            all_of(_benched, lambda damage=damage: _harm("samples.parquet", damage)),
        )
        words = ["predict", "run", "t.csv", "--out", "out.csv"]
        for file in ("run.json", "model.safetensors", "inputs.safetensors"):
            before = all_of(table, copied("run"), lambda damage=damage, file=file: _harm(file, damage, "run"))
            yield Case(
                "2b", f"predict by a run whose {file} is {kind}", words, before, (2,) if kind != "changed" else ENDS
            )


FLAGS = (
    [*AUDIT, "--probs", "none.npy"],
    [*AUDIT, "--probs", "probs.npy"],
    ["audit", "t.csv", "--probs", "probs.npy", "--method", "gce"],
    ["audit", "t.csv", "--probs", "probs.npy", "--epochs", "3"],
    ["audit", "t.csv", "--probs", "short.npy"],
    ["audit", "t.csv", "--probs", "nan.npy"],
    ["audit", "t.csv", "--probs", "text.csv"],
    ["audit", "t.csv", "--probs", "t.csv"],
    ["audit", "t.csv", "--features", "short.npy"],
    ["audit", "t.csv", "--features", "nan.npy"],
    ["audit", "t.csv", "--model", "forest", "--device", "foo"],
    ["audit", "t.csv", "--method", ""],
    ["audit", "t.csv", "--model", ""],
    ["audit", "t.csv", "--detectors", ""],
    ["audit", "t.csv", "--detectors", "a,,b"],
    ["audit", "t.csv", "--transition-estimator", "x"],
    ["audit", "t.csv", "--embed", "."],
    ["audit", "t.csv", "--embed", ""],
    ["audit", "t.csv", "--labels", ""],
    ["audit", "t.csv", "--labels", "none"],
    ["audit", "t.csv", "--columns", "none"],
    ["audit", "t.csv", "--ignore", "none"],
    ["audit", "t.csv", "--text", "none"],
    ["audit", "t.csv", "--id", "none"],
    ["audit", "t.csv", "--id", "label"],
    ["audit", "t.csv", "--trusted", "none"],
    ["audit", "t.csv", "--summary", "/proc/x"],
    ["audit", "t.csv", "--summary", "t.csv/x"],
    ["audit", "t.csv", "--corrupt", "symmetric:2"],
    ["train", "t.csv", "--track", "none"],
    ["train", "t.csv", "--preset", "none"],
    ["train", "t.csv", "--noise-rate", "nan"],
    ["train", "t.csv", "--noise-rate", "-1"],
    ["train", "t.csv", "--noise-rate", "2"],
    ["train", "t.csv", "--set", "lr"],
    ["train", "t.csv", "--set", "=1"],
    ["train", "t.csv", "--set", "none=1"],
    ["train", "t.csv", "--device", "cuda:99"],
    ["train", "t.csv", "--device", "foo"],
    ["train", "t.csv", "--model", "resnet18"],
    ["study", "no-such-study"],
    ["study", "os:getcwd"],
    ["study", "early-learning", "--scale", "huge"],
    ["study", "early-learning", "--minutes", "nan"],
    ["study"],
    ["bench", "none.toml"],
    ["bench", "t.csv"],
    ["bench", "."],
)


def _matrices() -> None:
    rows = np.full((60, 3), 1 / 3)
    np.save("probs.npy", rows)
    np.save("short.npy", rows[:5])
    rows[3] = np.nan
    np.save("nan.npy", rows)
    write("text.csv", "ash,birch,fir\n" + "a,b,c\n" * 60)


def _outs() -> Iterator[Case]:
    def closed() -> None:
        table()
        write("file", "mine")

    def linked() -> None:
        table()
        os.symlink("out", "out")

    places = (
        "/proc/x",
        "/proc/self/x",
        "/dev/null",
        "/dev/full",
        "",
        "a\0b",
        "file",
        "file/x",
        "x" * 300,
        "x/" * 3000,
        "~nobody-here/x",
    )
    for words in ([*AUDIT], [*TRAIN, "--epochs", "1"], ["corrupt", "t.csv", "symmetric:0.2"], ["review", "audit"]):
        for place in places:
            codes = (
                ENDS
                if place in ("~nobody-here/x", "/dev/null") or (place == "file" and words[0] in ("corrupt", "review"))
                else (2,)
            )
            ours = ("~nobody-here/*", "file") if codes == ENDS else ()
            yield Case(
                "2b", "a place to write to", [*words, "--out", place], all_of(closed, copied("audit")), codes, ours=ours
            )
        yield Case("2b", "out is a link to itself", [*words, "--out", "out"], all_of(linked, copied("audit")), (2,))
    for suffix in (".xyz", "", ".CSV", ".npz", ".xlsx", ".json", ".csv.gz", ".parquet/"):
        yield Case(
            "2b", f"an output called out{suffix}", ["corrupt", "t.csv", "symmetric:0.2", "--out", f"out{suffix}"], table
        )
    yield Case(
        "2b",
        "the output is the input",
        ["corrupt", "t.csv", "symmetric:0.2", "--out", "t.csv"],
        table,
        ENDS,
        ours=("t.csv",),
    )


# Those with ! are refused before anything is trained.
TOML: dict[str, str | bytes] = {
    "!empty": "",
    "!no TOML": "= = =",
    "!binary": bytes(range(256)),
    "!for is a number": GRID + "for = 3\n",
    "!for is a list of numbers": GRID + "for = [1]\n",
    "!for is a table": GRID + "[for]\nlr = 1\n",
    "!for without what it is for": GRID + "[[for]]\n",
    "!for a method that does not run": GRID + '[[for]]\nmethod = "none"\nlr = 1\n',
    "!no epochs": GRID.replace("epochs = 1", "epochs = 0"),
    "!half an epoch": GRID.replace("epochs = 1", "epochs = 0.5"),
    "!epochs as text": GRID.replace("epochs = 1", 'epochs = "1"'),
    "!a source that is a number": GRID.replace('"t.csv"', "3"),
    "!no source": GRID.replace('"t.csv"', "[]"),
    "!no method": GRID.replace('["ce", "gce"]', "[]"),
    "!an unknown method": GRID.replace('"gce"', '"none"'),
    "!an unknown key": GRID + "epoch = 3\n",
    "!nan": GRID + "lr = nan\n",
    "!a date": GRID + "lr = 2020-01-01\n",
    "!27 million runs": GRID + "".join(f"{name} = {list(range(2, 302))}\n" for name in ("seed", "batch_size", "rows")),
    "!seeds below 0": GRID + "seed = [-1]\n",
    "!nested 5,000 deep": GRID + "x = " + "[" * 5000 + "]" * 5000 + "\n",
    "!a name that is a list": GRID + "name = [1]\n",
    "!tune is a number": GRID + "tune = 3\n",
    "!tune is empty": GRID + "[tune]\n",
    "a method twice": GRID.replace('"gce"', '"ce"'),
    "a name with ../": GRID + 'name = "../../x"\n',
    "a name with a line break": GRID + 'name = "a\\nb"\n',
    "a source that is missing": GRID.replace("t.csv", "none.csv"),
}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "a list": lambda content: b"[1]",
    "binary": lambda content: bytes(range(256)),
    "nested deeply": lambda content: b"[" * 100_000,
    "an empty object": lambda content: b"{}",
}


def _benched() -> None:
    from noisewise.bench import bench
    from noisewise.compute import SerialEngine

    table()
    write("grid.toml", GRID)
    bench("grid.toml", "out", engine=SerialEngine())


def _harm(name: str, damage: Callable[[bytes], bytes], folder: str = "out") -> None:
    found = sorted(Path(folder).rglob(name))
    found[0].write_bytes(damage(found[0].read_bytes()))


def _ranked(outcome: Outcome) -> str:
    """A damaged run is run again, or named; both methods are on the board then."""
    if outcome.code == 2:
        return "" if "run.json" in outcome.err else "the damaged file is not named"
    board = Path("out/leaderboard.md").read_text(encoding="utf-8")
    return "" if "ce" in board and "gce" in board else "a method is missing on the leaderboard"
