"""The report of a run: one HTML file that needs no network."""

from __future__ import annotations

import base64
from string import Template
from typing import Any

import pandas as pd

from noisewise.auditing.report.markup import count, escape, name, percent, source_hash, unbroken
from noisewise.formatting import percent as plain_percent
from noisewise.probes.catalogue import PROBES
from noisewise.reports import resource
from noisewise.reports.curves import progress, traces

SHOWN = 20


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
        doubted=_doubted(samples),
        suspects="".join(_suspect(row) for row in _first(samples).itertuples()),
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


def _first(samples: pd.DataFrame) -> pd.DataFrame:
    return samples.sort_values(["suspicion", "index"], ascending=[False, True]).head(SHOWN)


def _doubted(samples: pd.DataFrame) -> str:
    issues, rows = int(samples["is_issue"].sum()), len(samples)
    share = unbroken(plain_percent(issues / rows))
    said = f"{issues:,} of {count(rows, 'row')} ({share}) are suspect by the statistics of the training"
    return f"{said}; the first {min(SHOWN, rows)} by suspicion. All rows are in samples.parquet."


def _suspect(row: Any) -> str:
    cells = f"<td>{name(row.given)}</td><td>{name(row.suggested)}</td><td class=number>{row.suspicion:.3f}</td>"
    return f"<tr><td class=number>{row.index}</td>{cells}</tr>"
