"""The committed page of a grid: what `noisewise bench` found, as Markdown and as numbers for the methods' own pages.

    noisewise bench benchmarks/specs/fashion-mnist-methods.toml --out runs/methods
    python benchmarks/results_page.py benchmarks/specs/fashion-mnist-methods.toml runs/methods docs/results/methods

Further seeds, noises or methods in the spec extend the grid: runs that are there are not computed again.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from noisewise.bench.grid import expand, read_spec
from noisewise.bench.leaderboard import collect, tables, to_markdown
from noisewise.files import whole


def main(spec_path: str, runs: str, target: str) -> None:
    spec = read_spec(spec_path)
    results = collect(expand(spec), Path(runs) / "runs")
    found = tables(results)
    page = to_markdown(spec["name"], found)
    title, _, rest = page.partition("\n")
    command = (
        f"\n    noisewise bench {spec_path} --out {runs}\n"
        f"    python benchmarks/results_page.py {spec_path} {runs} {target}\n"
    )
    with whole(Path(target).with_suffix(".md")) as file:
        file.write_text(f"{title}\n{command}{rest}", encoding="utf-8")
    with whole(Path(target).with_suffix(".csv")) as path, path.open("w", encoding="utf-8", newline="") as file:
        rows = [
            {"setting": spec["name"], "noise": title.split(" · ")[1], **line}
            for title, table in found
            for line in table.to_dict("records")
        ]
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
