"""The report of a run: one HTML file that needs no network."""

from __future__ import annotations

import base64
from string import Template
from typing import Any

import pandas as pd

from noisewise.auditing.report.markup import count, escape, name, percent, source_hash, unbroken
from noisewise.data.columns.column import Column, in_words
from noisewise.data.row_names import name_columns
from noisewise.formatting import percent as plain_percent
from noisewise.probes.catalogue import PROBES
from noisewise.reports import resource
from noisewise.reports.curves import progress, traces

SHOWN = 20
LONGEST = 500  # characters of a note


def render(metrics: dict[str, Any], history: pd.DataFrame, samples: pd.DataFrame) -> str:
    """The HTML text of the page; all text that may come from data is escaped.

    Args:
        metrics: the content of `run.json`.
        history: one row per epoch.
        samples: one row per row of the data set.
    """
    style = resource("page.css")
    title = f"{metrics['method']} on {metrics['source']}"
    return Template(resource("run.html")).substitute(
        policy=f"default-src 'none'; img-src data:; style-src {source_hash(style)}; base-uri 'none'",
        style=style,
        title=escape(title, 200),
        what=escape(_what(metrics)),
        how=escape(_how(metrics["config"])),
        verdict=_verdict(metrics),
        decision=escape(metrics.get("decision", "")),
        cost=escape(_cost(metrics)),
        curves=_image(progress(history)),
        probes=_probes(metrics, history),
        notes=_notes(metrics),
        weak=_weak(metrics),
        doubted=_doubted(metrics, samples),
        suspects=_suspects(samples),
    )


def _what(metrics: dict[str, Any]) -> str:
    rate = metrics["true_noise_rate"]
    noise = "" if rate is None else f", {plain_percent(rate)} of the labels wrong"
    classes = len(metrics["classes"])
    return f"{metrics['model']} on {metrics['rows']:,} rows of {classes} classes{noise}"


def _how(config: dict[str, Any]) -> str:
    shown = ("epochs", "batch_size", "optimizer", "lr", "schedule", "weight_decay", "validation", "select", "seed")
    return ", ".join(f"{key} {config[key]}" for key in shown if config[key] is not None)


def _verdict(metrics: dict[str, Any]) -> str:
    if metrics["test_accuracy_last"] is None:
        return f"The saved network is that of epoch {metrics['selected_epoch']}"
    kept = f"<strong>{percent(metrics['test_accuracy_selected'])}</strong>"
    best, last = percent(metrics["test_accuracy_best"]), percent(metrics["test_accuracy_last"])
    return f"Test accuracy {kept} at the saved epoch, {metrics['selected_epoch']}; best {best}, last {last}"


def _cost(metrics: dict[str, Any]) -> str:
    seconds, rate = metrics["seconds"], metrics["examples_per_second"]
    probes = sum(metrics.get("probe_seconds", {}).values())
    more = f", plus {probes:.1f} s of probes" if probes else ""
    return f"{seconds:.1f} s of training, {rate:,.0f} rows per second on {metrics['device']}{more}"


def _probes(metrics: dict[str, Any], history: pd.DataFrame) -> str:
    return "".join(_probe(probe, seconds, history) for probe, seconds in metrics.get("probe_seconds", {}).items())


def _probe(probe: str, seconds: float, history: pd.DataFrame) -> str:
    card = PROBES[probe].card
    image = _image(traces(history, card.columns))
    there = {column: said for column, said in card.columns.items() if column in history}
    meanings = "; ".join(f"<code>{escape(column)}</code> {escape(said)}" for column, said in there.items())
    return (
        f"<h2>{escape(probe)}</h2><p>{escape(card.measures)}</p>"
        f'<img src="data:image/svg+xml;base64,{image}" alt="{escape(probe)} by epoch">'
        f'<p class="quiet">{meanings}</p>'
        f'<p class="quiet">{escape(card.paper)}. Cost: {escape(card.cost)}; {seconds:.1f} s in this run.</p>'
    )


def _image(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _notes(metrics: dict[str, Any]) -> str:
    """What the reader of the data noted, and which columns were used."""
    columns = in_words([Column(**column) for column in metrics.get("columns", ())])
    noted = [note for record in metrics["provenance"] for note in record.get("notes", ())]
    lines = "".join(
        f"<li>{escape(line[:1].upper() + line[1:].removesuffix('.'), LONGEST)}.</li>" for line in columns + noted
    )
    return f'<ul class="quiet">{lines}</ul>\n' if lines else ""


def _weak(metrics: dict[str, Any]) -> str:
    said = metrics["suspects"]["weak"]
    return f"<p><strong>Weak evidence.</strong> {unbroken(escape(said))}</p>\n" if said else ""


def _doubted(metrics: dict[str, Any], samples: pd.DataFrame) -> str:
    suspects, rows = metrics["suspects"], len(samples)
    number, threshold = suspects["rows"], suspects["threshold"]
    rule = "these are probably wrong even if the noise rate is at the lower end of its interval"
    if not suspects["weak"]:
        rule = f"their suspicion is above {threshold:.2f}, the threshold with the best expected F1"
    if not number:
        return f"None of {count(rows, 'row')} is suspect by the statistics of the training. All are in samples.parquet."
    share = unbroken(plain_percent(number / rows))
    which = "" if number <= SHOWN else f" The first {SHOWN} by suspicion are shown."
    said = f"{number:,} of {count(rows, 'row')} ({share}) are suspect by the statistics of the training: {rule}."
    return f"{said}{which} All rows are in samples.parquet."


def _suspects(samples: pd.DataFrame) -> str:
    """The table of the most suspect rows among those called issues; nothing where there are none."""
    issues = samples[samples["is_issue"].astype(bool)]
    first = issues.sort_values(["suspicion", "index"], ascending=[False, True]).head(SHOWN)
    if first.empty:
        return ""
    _, *names = name_columns(samples, "split")
    heads = ["row", *names, "given", "suggested", "suspicion"]
    head = "".join(f"<th{_numeric(at, heads)}>{escape(one)}</th>" for at, one in enumerate(heads))
    lines = []
    for row in first[["index", *names, "given", "suggested", "suspicion"]].itertuples(index=False):
        index, *texts, suspicion = row
        cells = "".join(f"<td>{name(text)}</td>" for text in texts)
        lines.append(f"<tr><td class=number>{index}</td>{cells}<td class=number>{suspicion:.3f}</td></tr>")
    return f"<thead><tr>{head}</tr></thead>\n<tbody>{''.join(lines)}</tbody>"


def _numeric(at: int, heads: list[str]) -> str:
    return " class=number" if at in (0, len(heads) - 1) else ""
