"""The settings in which every catalogue entry is tested: CASES of all modules of this folder together."""

from importlib import import_module
from pathlib import Path

CASES = {
    name: case
    for file in sorted(Path(__file__).parent.glob("[a-z]*.py"))
    for name, case in import_module(f".{file.stem}", __name__).CASES.items()
}
