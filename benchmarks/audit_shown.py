"""The audit on data that nothing was chosen on, with cleanlab on the same rows.

    NOISEWISE_DATA=... python benchmarks/audit_shown.py --tables TABLES --work WORK --out docs/results/audit

Each set (see `shown_sets`) is written into WORK once and audited by `noisewise.audit` with its defaults in a process of
its own, with one thread. What was measured stays in WORK under the name `--as`, so that a second call continues. With
`--as before --sources FOLDER`, the src of an earlier version, the page has both. cleanlab is measured on the same
probabilities, and as it is commonly used: logistic regression on columns, TF-IDF or embeddings, five folds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from audit_shown_page import write_page
from cleanlab.count import num_label_issues
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from shown_sets import Shown, shown_sets
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from noisewise.auditing.metrics import best_f1, calibration_error
from noisewise.files import write_json

FOLDS, SURE, MOST_VALUES = 5, 0.9, 50
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def audited(source: Path, out: Path) -> None:
    """Audit, and write what the measures need; called in a process of its own."""
    import torch

    import noisewise as nw

    torch.set_num_threads(1)
    began = _used()
    found = nw.audit(str(source), labels="label" if source.suffix == ".csv" else None)
    seconds = _used() - began
    found.save(out)
    names, cleaned = np.array(found.data.classes), found.cleaned()
    np.savez(
        out / "found.npz",
        classes=names,
        given=found.data.given,
        suspicion=found.suspicion,
        is_issue=found.is_issue,
        cleaned=names[cleaned.given],
        cleaned_index=cleaned.index,
        seconds=seconds,
        probabilities=np.empty(0) if found.probabilities is None else found.probabilities,
    )


def _used() -> float:
    """Seconds of processor time of this process and the processes it started."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return float(sum(one.ru_utime + one.ru_stime for one in usage))


def measured(one: Shown, work: Path, stage: str, sources: Path | None) -> dict[str, Any]:
    """The measures of one set, from WORK where they are there."""
    stored = work / stage / f"{one.name}.json"
    if stored.exists():
        return dict(json.loads(stored.read_text(encoding="utf-8")))
    source, truth = one.made(work)
    out = work / stage / one.name
    command = [sys.executable, __file__, "--audit", str(source), "--work", str(out)]
    environment = {**os.environ, **ONE_THREAD, "XDG_CACHE_HOME": str(out / "cache")}  # nothing is embedded yet
    environment |= {} if sources is None else {"PYTHONPATH": str(sources)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{one.name}: {ended.stderr[-2000:]}")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    found = dict(np.load(out / "found.npz"))
    known = {key: summary[key] for key in ("weak", "candidates", "actions") if summary.get(key)}
    line = {"data": one.data, "noise": one.noise, "kind": one.kind, "rows": len(truth)}
    line |= _ours(summary, found, truth) | known
    write_json(stored, line)
    if stage == "after":
        recipe(one, work, source, found, truth)
    return line


def _ours(summary: dict[str, Any], found: dict[str, np.ndarray], truth: np.ndarray) -> dict[str, Any]:
    names = found["classes"]
    wrong, suspicion = names[found["given"]] != truth, found["suspicion"]
    low, high = summary["noise_rate_interval"]
    sure = suspicion >= SURE
    line: dict[str, Any] = {
        "true_rate": float(wrong.mean()),
        "rate": summary["noise_rate"],
        "interval": [low, high],
        "covers": bool(low <= wrong.mean() <= high),
        **_quality(suspicion, found["is_issue"], wrong),
        "sure": int(sure.sum()),
        "sure_wrong": float(wrong[sure].mean()) if sure.any() else None,
        "calibration_error": calibration_error(suspicion, wrong),
        "right_given": float(1 - wrong.mean()),
        "right_cleaned": float((found["cleaned"] == truth[found["cleaned_index"]]).mean()),
        "cleaned_rows": len(found["cleaned"]),
        "seconds": float(found["seconds"]),
    }
    if len(found["probabilities"]):
        line["cleanlab"] = cleanlab(found["probabilities"], found["given"], wrong)
    return line


def _quality(suspicion: np.ndarray, named: np.ndarray, wrong: np.ndarray) -> dict[str, Any]:
    hits = int((named & wrong).sum())
    found: dict[str, Any] = {"named": float(named.mean())}
    if wrong.any():
        found["f1"] = 2 * hits / int(named.sum() + wrong.sum())
        found["best_f1"] = best_f1(suspicion, wrong)
        found["ap"] = float(average_precision_score(wrong, suspicion))
    return found


def cleanlab(probabilities: np.ndarray, given: np.ndarray, wrong: np.ndarray) -> dict[str, Any]:
    """cleanlab's filter, count and scores; its usual score is the self-confidence."""
    began = time.process_time()
    scores = 1 - get_label_quality_scores(given, probabilities, method="self_confidence")
    named = find_label_issues(given, probabilities)
    line = {"rate": num_label_issues(given, probabilities) / len(given), **_quality(scores, named, wrong)}
    if wrong.any():
        margin = -get_label_quality_scores(given, probabilities, method="normalized_margin")
        line["ap_margin"] = float(average_precision_score(wrong, margin))
    return {**line, "seconds": time.process_time() - began}


def recipe(one: Shown, work: Path, source: Path, found: dict[str, np.ndarray], truth: np.ndarray) -> None:
    """cleanlab as it is commonly used; for tables also the ranking by a forest's self-confidence in five folds."""
    stored = work / "sets" / one.name / "recipe.json"
    if stored.exists():
        return
    began, given = time.process_time(), found["given"]
    wrong = found["classes"][given] != truth
    columns = _columns(one, source)
    line = cleanlab(_held_out(_linear(columns), columns, given), given, wrong)
    line["seconds"] = time.process_time() - began
    if one.kind != "text" and source.suffix == ".csv" and wrong.any():
        forest = _held_out(ExtraTreesClassifier(200, min_samples_leaf=3, random_state=0), columns, given)
        line["forest_ap"] = float(average_precision_score(wrong, 1 - forest[np.arange(len(given)), given]))
    write_json(stored, line)


def _columns(one: Shown, source: Path) -> Any:
    """Embeddings, TF-IDF weights, or numbers and indicators."""
    if source.suffix != ".csv":
        import noisewise as nw
        from noisewise.data.embeddings import embed

        return embed(nw.load(source))
    frame = pd.read_csv(source).drop(columns="label")
    texts = [name for name in frame if one.kind == "text" or name == "message"]
    if texts:
        return TfidfVectorizer(ngram_range=(1, 2), min_df=2).fit_transform(frame[texts[0]])
    numbers = frame.select_dtypes("number")
    numbers = numbers.fillna(numbers.median())
    categories = frame.drop(columns=numbers.columns)
    categories = categories[[name for name in categories if categories[name].nunique() <= MOST_VALUES]]
    return np.hstack([numbers, pd.get_dummies(categories)]).astype(float) if len(categories.columns) else numbers.values


def _linear(columns: Any) -> Any:
    scaler = StandardScaler(with_mean=isinstance(columns, np.ndarray))
    model = LogisticRegression(max_iter=1000)
    return make_pipeline(scaler, model) if isinstance(columns, np.ndarray) else model


def _held_out(model: Any, columns: Any, given: np.ndarray) -> np.ndarray:
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(cross_val_predict(model, columns, given, cv=split, method="predict_proba"))


def _stored(one: Shown, work: Path, stage: str) -> dict[str, Any]:
    """What was measured of a set; empty where it was not."""
    files = work / stage / f"{one.name}.json", work / "sets" / one.name / "recipe.json"
    line, by_recipe = (json.loads(file.read_text(encoding="utf-8")) if file.exists() else {} for file in files)
    return {**line, "recipe": by_recipe} if line else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a folder outside the repository")
    parser.add_argument("--tables", type=Path, help="folder of the tables and of texts/shown")
    parser.add_argument("--only", nargs="*", help="sets whose name has one of these in it")
    parser.add_argument("--leave-out", nargs="*", default=[], help="no sets whose name has one of these in it")
    parser.add_argument("--as", dest="stage", default="after", choices=("before", "after"))
    parser.add_argument("--sources", type=Path, help="the src of the version that audits; by default this one")
    parser.add_argument("--human", action="store_true", help="human labels, too: one look, at the end")
    parser.add_argument("--out", type=Path, help="without suffix: .json and .md")
    parser.add_argument("--note", default="", help="a sentence for the page on how this was measured")
    parser.add_argument("--audit", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.audit:
        audited(args.audit, args.work)
        return
    every = shown_sets(args.tables, args.human)
    for one in every:
        if args.only and not any(part in one.name for part in args.only):
            continue
        if any(part in one.name for part in args.leave_out):
            continue
        try:
            line = measured(one, args.work, args.stage, args.sources)
        except Exception as error:  # one set that fails must not stop the others
            print(one.name, "FAILED", str(error)[-400:], flush=True)
            continue
        shown = [f"{key} {line[key]:.3f}" for key in ("true_rate", "rate", "f1", "ap", "seconds") if key in line]
        print(one.name, *shown, flush=True)
    if args.out:
        lines = {
            stage: [line for one in every if (line := _stored(one, args.work, stage))] for stage in ("before", "after")
        }
        write_json(args.out.with_suffix(".json"), lines)
        write_page(lines, args.out.with_suffix(".md"), args.note)


if __name__ == "__main__":
    main()
