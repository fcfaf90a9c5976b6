"""Run notebooks and keep what they print: `python tools/notebooks.py NOTEBOOK ...`. Needs the extra `docs`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from noisewise.files import whole


def rerun(path: Path) -> None:
    """Run a notebook from its first cell in an empty folder, and write it back with its outputs.

    Args:
        path: of the notebook.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}, record_timing=False).execute()
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    with whole(path) as temporary:
        nbformat.write(notebook, temporary)


if __name__ == "__main__":
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # a bar that no notebook here shows
    for name in sys.argv[1:]:
        rerun(Path(name))
