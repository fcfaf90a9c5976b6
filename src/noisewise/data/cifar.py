"""The named sources CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in the layouts they are found in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.data import npz, packed
from noisewise.data.arrays import from_arrays
from noisewise.data.dataset import Dataset
from noisewise.data.finder import Finder, Remote
from noisewise.data.named import checked
from noisewise.data.pickles import PickledFiles, opened
from noisewise.errors import BadInput

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ROWS = (50_000, 10_000)
SHAPE = (32, 32, 3)
