"""`docs/probes.md`, written from the probes' own cards."""

from __future__ import annotations

import inspect
import sys

from noisewise.probes import PROBES, Probe
from noisewise.probes.build import options

_HEAD = """\
# Probes

Written from the probes' own cards by `make docs`. A probe measures what training does to a network, and leaves no trace
in it: the weights of a run with probes are those of the same run without. Attach probes to any training by name; what
they measure stands in the run's history, and is drawn in its `report.html`.

    noisewise train fashion-mnist --corrupt symmetric:0.4 --epochs 20 --probe fisher,label-fit --out run/
    noisewise train digits --probe fisher:examples=100,every=5,curvature:top=3 --out run/
    noisewise probe complexity fashion-mnist --corrupt symmetric:0.4

```python
import noisewise as nw

noisy = nw.corrupt(nw.load("digits"), "symmetric:0.4", seed=0)
run = nw.train(noisy, method="elr", epochs=5, probe="label-fit,effective-parameters")
print(run.history[["epoch", "noisy_given", "effective_parameters"]])
print(nw.probe(noisy, "complexity:examples=200"))
```

All probes look at `examples` random training rows, not augmented, as many of each given label as there are, the same
rows in every epoch. They measure the network that predicts (the first, where there are several) in evaluation mode:
after epochs 1, 1 + `every`, 1 + 2 `every` and so on, and after the last one planned. A comma joins probes and options
alike: what holds a `=` is an option of the probe before it. Probes that need no network measure a data set by itself as
well, with `noisewise probe`. Probes that need the truth run where noise was injected or the truth is stored. What each
costs beside the training: [measured](results/probes.md).

| probe | network | truth | cost | year |
|---|---|---|---|---|
"""


def probe_page() -> str:
    """The page as Markdown."""
    found: list[type[Probe]] = [PROBES[name] for name in PROBES]
    return _HEAD + "".join(map(_line, found)) + "".join(map(_section, found))


def _line(probe: type[Probe]) -> str:
    card = probe.card
    network, truth = "needed" if card.network else "", "needed" if card.truth else ""
    return f"| [`{card.name}`](#{card.name}) | {network} | {truth} | {card.cost} | {card.year} |\n"


def _section(probe: type[Probe]) -> str:
    card = probe.card
    columns = "".join(f"- `{column}`: {said}.\n" for column, said in card.columns.items())
    defaults = ", ".join(f"`{name}={value}`" for name, value in options(probe).items())
    text = inspect.getdoc(sys.modules[probe.__module__]) or ""
    return (
        f"\n## {card.name}\n\n{card.measures}\n\n{columns}\n- Options: {defaults}.\n- Paper: {card.paper}.\n"
        f"- Departures: {card.departures}.\n\n{text}\n"
    )
