"""Try an installed noisewise: `try_package.py ROOT`, `try_package.py --extras`, `try_package.py --extra NAME`.

The first tries what a new user does, with nothing but the package. The second lists the extras, the third imports what
an extra is for.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

# What an extra lets one import, where it is not called as the package that it installs.
MODULES = {
    "imbalanced-learn": "imblearn",
    "mkdocs-material": "material",
    "mlflow-skinny": "mlflow",
    "markdown-it-py": "markdown_it",
}
COMMANDS = (
    "--version",
    "audit digits --budget quick --out audit",
    "review audit --to csv --limit 5 --out queue.csv",
    "corrupt digits symmetric:0.2 --out noisy.npz",
    "train digits --method elr --epochs 1 --out run",
    "methods",
    "sources",
)


def try_all(root: Path) -> None:
    """Run commands in the present folder, with the package that is installed rather than the sources at `root`."""
    place = Path(importlib.import_module("noisewise").__file__ or "").resolve()
    if place.is_relative_to(root / "src"):
        sys.exit(f"the sources are tried, not the package: {place}")
    noisewise = str(Path(sys.executable).with_name("noisewise"))
    for command in COMMANDS:
        subprocess.run([noisewise, *command.split()], check=True, stdout=subprocess.DEVNULL)
    rate = json.loads(Path("audit/summary.json").read_text(encoding="utf-8"))["noise_rate"]
    if not 0 <= rate < 0.1:
        sys.exit(f"the digits have few wrong labels, not {rate:.0%}")


def extras() -> list[str]:
    """The names of the extras, in alphabetical order."""
    found = metadata.metadata("noisewise").get_all("Provides-Extra") or []
    return sorted(set(found) - {"test", "lint"})  # `make test` and `make lint` install these


def needed(extra: str) -> list[str]:
    """The packages that an extra names itself, without those of extras in it."""
    found = []
    for line in metadata.requires("noisewise") or []:
        package, _, condition = line.partition(";")
        if re.search(rf"extra == ['\"]{extra}['\"]", condition):
            found.append(re.split(r"[\s<>=!~;\[(]", package.strip())[0])
    return [name for name in found if name != "noisewise"]


def try_extra(extra: str) -> None:
    """Import every package of an extra.

    Args:
        extra: its name.
    """
    for name in needed(extra):
        module = MODULES.get(name, name.replace("-", "_"))
        importlib.import_module(module)
    print(f"extra {extra}: {', '.join(needed(extra))}")


if __name__ == "__main__":
    if sys.argv[1] == "--extras":
        print("\n".join(extras()))
    elif sys.argv[1] == "--extra":
        try_extra(sys.argv[2])
    else:
        try_all(Path(sys.argv[1]))
