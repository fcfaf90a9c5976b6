"""`docs/detectors.md`, written from the detectors' own cards."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.detectors.detector import Detector

_HEAD = """\
# Detectors

Written from the detectors' own cards by `make pages`. A detector gives every row a score from what is known about the
rows; higher is more suspect. The [audit](quickstart.md)'s suspicion is its own judgement, a probability; the scores are
reported in addition, to compare with and to choose from.

<!-- slow -->

    noisewise audit fashion-mnist --corrupt symmetric:0.2 --detectors all --out audit/
    noisewise audit fashion-mnist --corrupt symmetric:0.2 --detectors knn-shapley,aum --out audit/

```python
import noisewise as nw

noisy = nw.corrupt(nw.load("digits"), "symmetric:0.2", seed=0)
found = nw.audit(noisy, model="mlp", epochs=5, detectors=["knn-shapley", "aum"])
most_suspect = found.scores["knn-shapley"].argsort()[::-1][:20]
```

Without `--detectors` the scores are those that cost nothing extra. The table lists what the others cost beyond the
cross-fitting: passes over the rows in evaluation mode, which happen only on request and leave the training
unchanged. Where the audit would use classifiers (tables, vectors, texts), detectors that observe a network make it
train networks. Features are the input of the last linear layer of one network, the first fold's, for all rows; with
`--features` they are yours, and only detectors of features and probabilities can be requested. Scores in `found.scores`
are raw: a *threshold* is the score above which the paper, or this version of it, calls a label wrong.

| detector | needs | costs extra | threshold | score | year |
|---|---|---|---|---|---|
"""

_MEASURED = """
All of them side by side, on the same networks, folds and features, with what each costs:
[measured](results/detectors.md).
"""


def detector_page(folder: Path) -> str:
    """The page as Markdown; `folder` is that of the documentation, which may hold measured results."""
    found = [DETECTORS[name] for name in DETECTORS.own]
    measured = _MEASURED if (folder / "results" / "detectors.md").exists() else ""
    return _HEAD + "".join(map(_line, found)) + measured + "".join(map(_section, found))


def _line(detector: Detector) -> str:
    card = detector.card
    limit = "" if card.threshold is None else f"{card.threshold:g}"
    equation = f"`{card.equation}`".replace("|", "\\|")
    cells = (f"[`{card.name}`](#{card.name})", ", ".join(card.needs), card.cost, limit, equation, str(card.year))
    return "| " + " | ".join(cells) + " |\n"


def _section(detector: Detector) -> str:
    card = detector.card
    text = inspect.getdoc(sys.modules[detector.function.__module__]) or ""
    when = "only on request, by name or with `all`" if card.on_request else "whenever the evidence has what it needs"
    return f"\n## {card.name}\n\n{card.does}\n\n- Computed: {when}.\n- Paper: {card.paper} {card.year}.\n\n{text}\n"
