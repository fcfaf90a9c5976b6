"""The public names are the same at run time and for type checkers."""

import ast
import subprocess
import sys
from pathlib import Path

import noisewise


def test_type_checkers_see_every_public_name():
    tree = ast.parse(Path(noisewise.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {name.name for node in block.body for name in node.names}
    assert imported == {*noisewise.__all__} - {"__version__"}


def test_training_starts_without_scikit_learn():
    """It is a third of what starting takes; only texts, tables of words and some methods need it."""
    script = "import sys; from noisewise import train; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
