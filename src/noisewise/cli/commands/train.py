"""`noisewise train`: one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from noisewise.cli import options
from noisewise.cli.command import Command
from noisewise.cli.settings import read_settings
from noisewise.formatting import percent

if TYPE_CHECKING:
    from noisewise.run.result import Run

_COLUMNS = {
    "train_loss": "loss",
    "train_accuracy": "train",
    "validation_accuracy": "validation",
    "test_accuracy": "test",
}


@click.command(
    cls=Command,
    example="noisewise train digits --corrupt symmetric:0.4 --out run/\n"
    "noisewise train digits --corrupt symmetric:0.4 --method elr --epochs 20 --out run/\n"
    "noisewise train fashion-mnist --method coteaching --model cnn9 --set lr=0.001 --set optimizer=adam --out run/\n"
    "noisewise train cifar10 --method dividemix --preset paper-cifar10-sym50 --corrupt uniform:0.5 --out run/\n"
    "noisewise train digits --corrupt symmetric:0.4 --probe fisher,label-fit --out run/\n"
    "noisewise train photos/ --model efficientnet-lite0 --method elr --epochs 5 --set lr=0.01 --out run/\n"
    "noisewise train table.parquet --labels y --method glc --trusted 200 --out run/",
)
@options.together(options.source, options.reading)
@click.option(
    "--method",
    default="auto",
    metavar="M",
    help="Method: a name of `noisewise methods`, a spec such as cdr:tau=0.4+gce, or module:attribute of your own "
    "(default: auto, which judges the labels first and trains accordingly).",
)
@options.model
@options.epochs("the preset's, else 20")
@click.option(
    "--preset", metavar="NAME", help="Published run of the method, by name; `noisewise methods M` shows them."
)
@options.injected
@click.option(
    "--noise-rate",
    type=float,
    callback=options.share,
    metavar="R",
    help="Noise rate, if you know it (default: the preset's; methods that need it otherwise estimate it).",
)
@click.option(
    "--probe",
    metavar="NAMES",
    help="Probes to measure after each epoch: names of `noisewise probes`, such as fisher,curvature:top=3.",
)
@click.option(
    "--track",
    metavar="NAME",
    help="Also send every epoch's numbers to tensorboard, mlflow or wandb (offline), with options such as "
    "mlflow:experiment=noise (needs the extra trackers).",
)
@options.together(options.rows, options.seed, options.device, options.data_dir, options.settings)
@click.option("--resume", is_flag=True, help="Continue from the checkpoint in the folder, if there is one.")
@options.together(options.out_folder("run.json, history, samples, model, report and checkpoint"), options.as_json)
def train(source: str, settings: tuple[str, ...], resume: bool, out: Path, as_json: bool, **fields: Any) -> None:
    """Train a network on SOURCE in spite of wrong labels.

    What training saw of every row is written too, with the suspicion that its label is wrong.

    On N GPUs, or processes, of one machine: torchrun --nproc-per-node N -m noisewise train SOURCE ...

    SOURCE is a name of `noisewise sources`, a folder of images per class, a .npz file, a table (.csv, .tsv, .json or
    .jsonl, each also with .gz, .parquet or .xlsx), a .txt file of lines "__label__NAME TEXT", or hf:NAME.
    """
    from noisewise.cli.output import print_json
    from noisewise.cli.progress import progress
    from noisewise.data.images.files import size_note
    from noisewise.run.experiment import Experiment
    from noisewise.training import Callbacks

    fields["observe"] = fields.pop("track")
    said = {name: value for name, value in fields.items() if value is not None}
    experiment = Experiment.of(source, **said, **read_settings(settings))
    with progress("epoch 1", tenths=False) as meter:

        def print_row(row: dict[str, Any]) -> None:
            meter.say(_line(row), f"epoch {row['epoch'] + 1}")

        data = experiment.load()
        if (note := size_note(data)) is not None:
            meter.say(f"images: {note}")
        run = experiment.run(out, resume=resume, observers=[Callbacks(print_row, meter)], loaded=data)
    if as_json:
        print_json({**run.metrics, "out": out.resolve()})
    else:
        _show(run, out)


def _line(row: dict[str, Any]) -> str:
    values = [f"{title} {row[name]:.4f}" for name, title in _COLUMNS.items() if name in row]
    return "  ".join([f"epoch {row['epoch']:>3}", *values, f"{row['seconds']:.1f} s"])


def _show(run: Run, out: Path) -> None:
    from noisewise.cli.output import about_columns, print_pairs
    from noisewise.data.columns.column import Column

    found = run.metrics
    lines = [("run", f"{found['method']} with {found['model']} on {found['source']}, {len(run.samples):,} rows")]
    if found["splits"]:
        lines.append(("further rows", ", ".join(f"{name} {rows:,}" for name, rows in found["splits"].items())))
    if found["true_noise_rate"] is not None:
        lines.append(("true noise rate", percent(found["true_noise_rate"])))
    if "decision" in found:
        lines.append(("decision", found["decision"]))
    if found["test_accuracy_last"] is not None:
        best, last = percent(found["test_accuracy_best"]), percent(found["test_accuracy_last"])
        selected = percent(found["test_accuracy_selected"])
        lines.append(
            ("test accuracy", f"best {best}, last {last}, selected {selected} (epoch {found['selected_epoch']})")
        )
    elif "validation_accuracy" in run.history:
        best = percent(run.history["validation_accuracy"].max())
        lines.append(("validation", f"{best} on labels as they are, in epoch {found['selected_epoch']}"))
    suspects = found["suspects"]
    lines.append(("suspects", f"{suspects['rows']:,} rows with suspicion above {suspects['threshold']:.2f}"))
    if suspects["weak"]:
        lines.append(("weak evidence", suspects["weak"]))
    lines.append(("cost", f"{found['seconds']:.1f} s, {found['examples_per_second']:,.0f} rows/s on {found['device']}"))
    notes = [note for record in found["provenance"] for note in record.get("notes", ())]
    lines += about_columns([Column(**column) for column in found.get("columns", ())], notes)
    print_pairs([*lines, ("written to", str(out.resolve()))])
