"""Categories 1a, 1c, 1d, 1e: killed, resumed with something else changed, resumed from a broken checkpoint."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import noisewise as nw
from noisewise.bench import bench
from noisewise.compute import SerialEngine
from noisewise.training import resume

from ..case import ENDS, Case, Outcome
from ..made import all_of, copied, read_json, table, text, write
from ..play import kills

KILLS = 3  # of every command; `benchmarks/kills.py` has more
TRAIN = ["train", "t.csv", "--method", "ce", "--model", "mlp:8", "--epochs", "4"]
GRID = 'source = "t.csv"\nmethod = ["ce", "gce"]\nmodel = "mlp:8"\nepochs = 1\n'
OTHERS: dict[str, tuple[list[str], Callable[[], object]]] = {
    "another corruption of labels": (["--corrupt", "symmetric:0.3"], lambda: None),
    "another corruption of inputs": (["--corrupt", "shuffled-pixels"], lambda: None),
    "another method": (["--method", "gce"], lambda: None),
    "another model": (["--model", "mlp:9"], lambda: None),
    "another seed": (["--seed", "1"], lambda: None),
    "another rate": (["--set", "lr=0.2"], lambda: None),
    "more epochs": (["--epochs", "6"], lambda: None),
    "fewer rows": (["--rows", "40"], lambda: None),
    "fewer columns": (["--columns", "a"], lambda: None),
    "another share of validation rows": (["--set", "validation=0.3"], lambda: None),
    "edited inputs": ([], lambda: table_with("1.234", "9.876")),
    "edited labels": ([], lambda: table_with(",ash", ",fir")),
    "rows in another order": ([], lambda: _reordered()),
    "a row less": ([], lambda: table(rows=59)),
}


def table_with(old: str, new: str) -> None:
    """The table with some text replaced, in the first rows at least."""
    lines = Path("t.csv").read_text().splitlines()
    changed = [line.replace(old, new) for line in lines]
    if changed == lines:
        changed[1:6] = [f"{new}{line[line.index(',') :]}" for line in lines[1:6]]
    write("t.csv", "\n".join(changed) + "\n")


def _reordered() -> None:
    head, *rows = Path("t.csv").read_text().splitlines()
    write("t.csv", "\n".join([head, *rows[::-1]]) + "\n")


def cases() -> Iterator[Case]:
    """All of them."""
    for name, words in kills.COMMANDS.items():
        yield Case(
            "1a",
            f"{KILLS} kills of `noisewise {' '.join(words)}`",
            lambda name=name, words=words: _killed(name, words),
            codes=(0,),
            ours=("kills*",),
            seconds=600,
            silent=True,
        )
    for number in range(1, 13):
        yield Case(
            "1c",
            f"audit over an older one, killed before its rename {number}, then reviewed",
            ["review", "out", "--out", "queue.csv"],
            all_of(
                copied("v.npz"), table, copied("audit-npz", "out"), lambda number=number: _until_rename(number, _audit)
            ),
            after=_of_one_audit,
            ours=("queue.csv", "out/*"),  # a reader finishes what the killed one had decided
        )
        yield Case(
            "1c",
            f"bench killed before its rename {number}, then given again",
            ["bench", "grid.toml", "--engine", "serial", "--out", "out"],
            all_of(table, text("grid.toml", GRID), lambda number=number: _until_rename(number, _bench)),
            (0,),
            _all_runs,
        )
        yield Case(
            "1c",
            f"training over an older one, killed before its rename {number}, then used",
            ["predict", "out", "t.csv", "--out", "p.csv"],
            all_of(table, copied("run", "out"), lambda number=number: _until_rename(number, _train)),
            ours=("p.csv", "out/*"),
        )
    for name, (words, change) in OTHERS.items():
        for when, epochs in (("all epochs", 4), ("two epochs", 2)):
            yield Case(
                "1d",
                f"{name}, after {when}",
                [*TRAIN, *words, "--resume", "--out", "out"],
                all_of(table, lambda epochs=epochs: _begun(epochs), change, lambda words=words: _fresh(words)),
                after=_as_fresh,
                ours=("out/*",),
                kept=True,
            )
    for name, edit in (
        ("inputs", lambda: table_with("1.234", "9.876")),
        ("labels", lambda: table_with(",ash", ",fir")),
    ):
        yield Case(
            "1d",
            f"bench given again after {name} of its file were edited",
            ["bench", "grid.toml", "--engine", "serial", "--out", "out"],
            all_of(table, text("grid.toml", GRID), _bench, edit),
            after=_benched_afresh,
        )
    for number in range(40):
        yield _broken(f"flipped bit {number}", lambda content, number=number: _flipped(content, number))
    for share in (0.0, 0.1, 0.5, 0.99):
        yield _broken(f"cut at {share:.0%}", lambda content, share=share: content[: int(len(content) * share)])
    yield _broken("other bytes", lambda content: b"PK\x03\x04" + bytes(1000))
    yield _broken("another file of PyTorch", lambda content: _torch_file())


def _killed(name: str, words: list[str]) -> None:
    resume.CHECKPOINT_SECONDS = 1e-9
    if bad := kills.trial(name, words, KILLS, random.Random(name), Path("kills").absolute()):
        raise AssertionError(f"{bad} differences or processes left")


def _until_rename(number: int, act: Callable[[], object]) -> None:
    """Act in a process that is killed right before a rename; if there are fewer, it ends."""
    process = os.fork()
    if not process:
        real, count = os.replace, [0]

        def counted(*arguments: object, **options: object) -> None:
            count[0] += 1
            if count[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)
            real(*arguments, **options)  # type: ignore[arg-type]

        os.replace = counted  # type: ignore[assignment]
        try:
            act()
        finally:
            os._exit(0)
    os.waitpid(process, 0)


def _audit() -> None:
    nw.audit("t.csv", model="linear", out="out")


def _bench() -> None:
    bench("grid.toml", "out", engine=SerialEngine())


def _train() -> None:
    nw.train("t.csv", method="gce", model="mlp:8", epochs=2, seed=5, out="out")


def _of_one_audit(outcome: Outcome) -> str:
    """The queue is refused, or it is of the audit that the summary is of."""
    if outcome.code:
        return ""
    names = {str(path) for path in Path("out").glob("cleaned.*")}
    name = read_json("out/summary.json")["source"]
    columns = Path("queue.csv").read_text().splitlines()[0]
    mixed = name == "t.csv" and ("data.a" not in columns or "out/cleaned.npz" in names)
    return f"the queue of {name} has the columns {columns}, beside {sorted(names)}" if mixed else ""


def _all_runs(outcome: Outcome) -> str:
    folders = [path.parent for path in Path("out").rglob("run.json")]
    missing = [str(folder) for folder in folders if not (folder / "samples.parquet").exists()]
    return (
        f"done without samples: {', '.join(missing)}"
        if missing
        else ""
        if len(folders) == 2
        else f"{len(folders)} runs of 2"
    )


def _begun(epochs: int) -> None:
    """A training that ended, or was killed after some epochs."""
    resume.CHECKPOINT_SECONDS = 1e-9
    process = os.fork()
    if not process:
        seen = [0]

        def stop(row: object) -> None:
            seen[0] += 1
            if epochs < 4 and seen[0] > epochs:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            nw.train("t.csv", method="ce", model="mlp:8", epochs=4, out="out", on_epoch=stop)
        finally:
            os._exit(0)
    os.waitpid(process, 0)


def _fresh(words: list[str]) -> None:
    """The same training as in the case, from its start."""
    from noisewise.cli import main

    process = os.fork()
    if not process:
        try:
            main([*TRAIN, *words, "--out", "fresh"])
        finally:
            os._exit(0)
    os.waitpid(process, 0)


def _as_fresh(outcome: Outcome) -> str:
    """Refused, or what a training from its start ends with."""
    if outcome.code:
        return ""
    found, expected = kills.contents(Path("out")), kills.contents(Path("fresh"))
    differing = [name for name in expected if found.get(name) != expected[name]]
    return f"differs from a training from its start: {', '.join(differing)}" if differing else ""


def _benched_afresh(outcome: Outcome) -> str:
    if outcome.code:
        return ""
    was = kills.contents(Path("out"))
    bench("grid.toml", "again", engine=SerialEngine())
    now = kills.contents(Path("again"))
    differing = [name for name in now if was.get(name) != now[name] and name.endswith(("safetensors", "parquet"))]
    return f"results of the earlier file: {', '.join(differing[:3])}" if differing else ""


def _broken(name: str, damage: Callable[[bytes], bytes]) -> Case:
    def harm() -> None:
        path = max(Path("out/checkpoint").rglob("*"), key=lambda one: one.stat().st_size)
        path.write_bytes(damage(path.read_bytes()))

    return Case(
        "1e",
        f"checkpoint: {name}",
        [*TRAIN, "--resume", "--out", "out"],
        all_of(table, lambda: _begun(2), lambda: _fresh([]), harm),
        ENDS,
        _as_fresh,
        ours=("out/*",),
        kept=True,
    )


def _flipped(content: bytes, number: int) -> bytes:
    draw, changed = random.Random(number), bytearray(content)
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _torch_file() -> bytes:
    import io

    import torch

    stream = io.BytesIO()
    torch.save({"x": torch.zeros(3)}, stream)
    return stream.getvalue()
