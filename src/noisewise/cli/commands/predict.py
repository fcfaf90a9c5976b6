"""`noisewise predict`: what the network of a run says about further rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.errors import BadInput
from noisewise.formatting import percent

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10
_SUFFIXES = (".csv", ".parquet")


@click.command(
    cls=Command,
    example="noisewise predict run/ new.csv --out predicted.csv\n"
    "noisewise predict run/ photos/new/ --out predicted.parquet\n"
    "noisewise predict run/ new.csv --probs probabilities.parquet --out predicted.csv",
)
@click.argument("run", type=click.Path(path_type=Path))
@options.together(options.source, options.reading, options.device)
@click.option(
    "--model", metavar="M", help="The model that was trained, if it was module:attribute of your own; see --method."
)
@click.option(
    "--method",
    metavar="M",
    help="The method likewise. Code of your own is imported only if you name it: that the run names it is not enough.",
)
@click.option(
    "--probs",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the probabilities of all classes, to .parquet or .npy, as `noisewise audit --probs` reads them.",
)
@options.together(options.out_file("the predictions, .csv or .parquet"), options.as_json)
def predict(
    run: Path,
    source: str,
    device: str,
    model: str | None,
    method: str | None,
    probs: Path | None,
    out: Path,
    as_json: bool,
    **reading: Any,
) -> None:
    """Predict the rows of SOURCE by the network that `noisewise train` wrote into the folder RUN.

    SOURCE needs no labels: a table with the columns that the network learned from, in any order; a folder of pictures,
    however deep, or one picture; arrays in a .npy or .npz file; or any other source. Rows are read, scaled and encoded
    as those of the training were: its --na, --id and other options of reading hold unless others are given. If SOURCE
    has labels, the command says how many of them are the predicted ones.
    """
    from noisewise.cli.output import print_json, print_pairs, print_table
    from noisewise.data.row_names import name_columns, predicted_rows
    from noisewise.run.inputs import agreement
    from noisewise.run.result import Run

    if out.suffix.lower() not in _SUFFIXES:
        raise BadInput(f"cannot write {out}: the suffix must be one of {', '.join(_SUFFIXES)}")
    if probs is not None and probs.suffix.lower() not in (".parquet", ".npy"):
        raise BadInput(f"cannot write --probs {probs}: the suffix must be .parquet or .npy")
    found = Run.load(run, model=model, method=method, device=device)
    given = {name: value for name, value in reading.items() if value not in (None, (), False)}
    data = found.rows(source, **given)
    probabilities = found.predict_proba(data)
    table = predicted_rows(data, probabilities, found.classes)
    _write(table, out)
    if probs is not None:
        _write_probabilities(probabilities, found.classes, probs)
    counts = table["predicted"].value_counts()
    same = agreement(data, probabilities.argmax(axis=1))
    if as_json:
        print_json(
            {
                "run": run.resolve(),
                "source": data.name,
                "rows": len(table),
                "predicted": {str(name): int(number) for name, number in counts.items()},
                "agreement": same,
                "notes": list(data.notes),
                "out": out.resolve(),
            }
        )
        return
    lines = [
        ("run", f"{found.metrics['method']} with {found.metrics['model']} on {found.metrics.get('source', '')}"),
        ("rows", f"{len(table):,} of {data.name}"),
        ("predicted", _in_short(counts)),
        *([] if same is None else [("as labelled", f"{percent(same)} of the rows")]),
        *[("note", note) for note in data.notes],
    ]
    print_pairs([*lines, ("written to", str(out.resolve()))])
    columns = [*name_columns(table, "predicted"), "predicted", "confidence"]
    unsure = table.sort_values("confidence", kind="stable").head(_SHOWN)
    shown = [[*row[:-1], f"{row[-1]:.3f}"] for row in unsure[columns].itertuples(index=False)]
    print_table(columns, shown, title="Least sure", right="index confidence")


def _in_short(counts: pd.Series) -> str:
    first = ", ".join(f"{name} {number:,}" for name, number in counts.head(_SHOWN).items())
    return first + (f" and {len(counts) - _SHOWN:,} further classes" if len(counts) > _SHOWN else "")


def _write(table: pd.DataFrame, path: Path) -> None:
    from noisewise.files import whole, write_csv

    with whole(path) as temporary:
        if path.suffix.lower() == ".csv":
            write_csv(temporary, table)
        else:
            table.to_parquet(temporary, index=False)


def _write_probabilities(probabilities: Any, classes: tuple[str, ...], path: Path) -> None:
    import numpy as np
    import pandas as pd

    from noisewise.files import whole

    with whole(path) as temporary:
        if path.suffix.lower() == ".npy":
            with temporary.open("wb") as file:
                np.save(file, probabilities)
        else:
            pd.DataFrame(probabilities, columns=list(classes)).to_parquet(temporary, index=False)
