"""Generate `docs/probes.md` from the cards of the probes."""

from __future__ import annotations

import inspect
import sys

from noisewise.probes import PROBES, Probe
from noisewise.probes.build import options

_HEAD = """\
# Probes

Generated from the cards of the probes by `make pages`. A probe measures what training does to a network, without
affecting it: a run with probes has the same weights as the same run without. Attach probes to any training by name. The
measurements are stored in the run's history and plotted in its `report.html`.

<!-- slow -->

    noisewise train fashion-mnist --method ce --corrupt symmetric:0.4 --epochs 20 --probe fisher,label-fit --out run/
    noisewise train digits --method ce --probe fisher:examples=100,every=5,curvature:top=3 --out run/
    noisewise probe complexity fashion-mnist --corrupt symmetric:0.4

```python
import noisewise as nw

noisy = nw.corrupt(nw.load("digits"), "symmetric:0.4", seed=0)
run = nw.train(noisy, method="elr", epochs=5, probe="label-fit,effective-parameters")
print(run.history[["epoch", "noisy_given", "effective_parameters"]])
print(nw.probe(noisy, "complexity:examples=200"))
```

All probes measure `examples` random training rows, balanced over the given labels and not augmented, the same rows in
every epoch. They measure the network that predicts (the first, if there are several) in evaluation mode: after epochs
1, 1 + `every`, 1 + 2 `every` and so on, and after the last planned epoch. A comma separates both probes and options: an
entry with `=` is an option of the preceding probe. Probes that do not need a network can also measure a data set alone,
with `noisewise probe`. Probes that need the truth require injected noise or a stored truth. For the cost of each
relative to the training, see [the measurements](results/probes.md).

| probe | network | truth | cost | year |
|---|---|---|---|---|
"""


def probe_page() -> str:
    """The page as Markdown."""
    found: list[type[Probe]] = [PROBES[name] for name in PROBES.own]
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
