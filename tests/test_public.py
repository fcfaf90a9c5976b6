"""The public names are the same at run time and for type checkers."""

import ast
from pathlib import Path

import noisewise


def test_type_checkers_see_every_public_name():
    tree = ast.parse(Path(noisewise.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {name.name for node in block.body for name in node.names}
    assert imported == {*noisewise.__all__} - {"__version__"}
