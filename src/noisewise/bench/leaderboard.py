"""From results to leaderboards: best and last epoch, spread over seeds, cost relative to cross entropy."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from noisewise.auditing.report.markup import source_hash
from noisewise.bench.grid import Trial
from noisewise.doors import parsing

GROUP = ["source", "corrupt", "model"]
ACCURACIES = {
    "best": "test_accuracy_best",
    "last": "test_accuracy_last",
    "last 10": "test_accuracy_last10",
    "selected": "test_accuracy_selected",
    "label-wave": "test_accuracy_by_label-wave",
    "agreement": "test_accuracy_by_agreement",
}


def collect(trials: list[Trial], folder: Path) -> pd.DataFrame:
    """One row per finished experiment: what the spec states and what `run.json` says.

    Raises:
        BadInput: a `run.json` is damaged.
    """
    rows = []
    for trial in trials:
        if trial.finished(folder / trial.key):
            path = folder / trial.key / "run.json"
            with parsing(f"{path} (remove its folder to run it again)"):
                metrics = json.loads(path.read_text(encoding="utf-8"))
                plain = {k: v for k, v in metrics.items() if not isinstance(v, (dict, list)) and k not in trial.stated}
                chosen = metrics.get("selection") or {}
                by_rule = {f"test_accuracy_by_{rule}": value["test_accuracy"] for rule, value in chosen.items()}
            rows.append({"key": trial.key, **trial.stated, **plain, **by_rule})
            if trial.shown:
                rows[-1]["method"] = trial.shown
    return pd.DataFrame(rows)


def tables(results: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Per (source, corruption, model) one table with a row per method, best last-epoch accuracy first."""
    frame = results.copy()
    for column, default in (("corrupt", "none"), ("model", "default")):
        frame[column] = frame[column].fillna(default) if column in frame else default
    found = []
    for key, group in frame.groupby(GROUP, sort=False):
        base = group.loc[group["method"] == "ce", "seconds"].mean()
        lines = [_line(str(method), part, base) for method, part in group.groupby("method", sort=False)]
        table = pd.DataFrame(lines).sort_values("order", ascending=False, ignore_index=True).drop(columns="order")
        found.append((" · ".join(str(part) for part in key), table))
    return found


def tuned_table(tried: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row per tuned method: the chosen settings, and what the search took.

    Args:
        tried: per case one row per trial (see `bench.tune.Tuned`).
    """
    return pd.DataFrame([_tuned(case) for case in tried])


def _tuned(case: pd.DataFrame) -> dict[str, object]:
    best = case[case["chosen"]].iloc[0]
    about = ("validation_accuracy", "seconds", "chosen", "source", "corrupt", "model", "method")
    settings = {name: best[name] for name in case.columns if name not in about}
    return {
        "case": " · ".join(str(best[name]) for name in ("source", "corrupt", "model") if best[name] is not None),
        "method": best["method"],
        "settings": ", ".join(f"{n}={v:.4g}" if isinstance(v, float) else f"{n}={v}" for n, v in settings.items()),
        "validation accuracy": f"{100 * best['validation_accuracy']:.2f}",
        "trials": len(case),
        "seconds": f"{case['seconds'].sum():.0f}",
    }


def _line(method: str, part: pd.DataFrame, base: float) -> dict[str, object]:
    line: dict[str, object] = {"method": method, "seeds": len(part)}
    for title, column in ACCURACIES.items():
        line[title] = _spread(part[column]) if column in part else ""
    for title, column in (
        ("label precision", "label_precision"),
        ("label recall", "label_recall"),
        ("noise fitted", "noisy_fit"),
    ):
        known = column in part and part[column].notna().any()
        line[title] = f"{100 * part[column].mean():.1f}" if known else ""
    line["seconds"] = f"{part['seconds'].mean():.0f}"
    line["cost"] = f"{part['seconds'].mean() / base:.2f}" if np.isfinite(base) else ""
    line["order"] = part["test_accuracy_last"].mean() if "test_accuracy_last" in part else 0.0
    return line


def _spread(values: pd.Series) -> str:
    values = 100 * values.dropna().astype(float)
    if values.empty:
        return ""
    return f"{values.mean():.2f}" if len(values) == 1 else f"{values.mean():.2f} ± {values.std(ddof=1):.2f}"


def to_markdown(name: str, found: list[tuple[str, pd.DataFrame]]) -> str:
    """The leaderboard as Markdown; markup in names and settings is shown as text."""
    parts = [f"# {_plain(name)}\n", _LEGEND + "\n"]
    for title, table in found:
        head = "| " + " | ".join(map(_plain, table.columns)) + " |"
        rule = "|" + "---|" * len(table.columns)
        body = ["| " + " | ".join(map(_plain, row)) + " |" for row in table.itertuples(index=False)]
        parts.append("\n".join([f"\n## {_plain(title)}\n", head, rule, *body]) + "\n")
    return "\n".join(parts)


def _plain(text: object) -> str:
    """Text for Markdown, on one line, that is neither HTML nor a link, nor ends a cell."""
    return _MARKUP.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), " ".join(str(text).split()))


def to_html(name: str, found: list[tuple[str, pd.DataFrame]]) -> str:
    """The leaderboard as one self-contained page; everything from data is escaped, and it may load and run nothing."""
    body = "".join(f"<h2>{html.escape(title)}</h2>{table.to_html(index=False, border=0)}" for title, table in found)
    policy = f"default-src 'none'; style-src {source_hash(_STYLE)}; base-uri 'none'"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{html.escape(name)}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(name)}</h1><p>{_LEGEND}</p>{body}</html>\n"
    )


_MARKUP = re.compile(r"[&<>\\`|\[\]]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LEGEND = (
    "Test accuracy in percent: best epoch (an oracle), last epoch, mean of the last ten, and the epochs chosen on "
    "noisy validation labels (selected), by Label Wave and by the plateau of agreement. Label precision and recall of "
    "the rows a method keeps; share of wrong labels fitted at the end; training seconds, and relative to ce."
)
_STYLE = (
    "body{font:16px/1.5 system-ui;max-width:96rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;display:block;overflow-x:auto}"
    "td,th{padding:.3rem .7rem;text-align:right;"
    "border-bottom:1px solid #8884}td{white-space:nowrap}td:first-child,th:first-child{text-align:left}"
)
