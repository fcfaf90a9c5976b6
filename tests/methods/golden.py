"""What the golden tests share: the stored numbers, the small network they were made with, and batches in float64."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from noisewise.training.batch import Batch, Clock
from noisewise.training.networks import Networks

FOLDER = Path(__file__).parents[1] / "golden"


def stored(name: str) -> dict[str, Tensor]:
    """The numbers of one official implementation; floats are float64."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: torch.as_tensor(file[key]) for key in file.files}


def hot(labels: Tensor, classes: int) -> Tensor:
    """(B, K) one-hot rows in float64."""
    return functional.one_hot(labels, classes).double()


def batch(x: Tensor, labels: Tensor, classes: int, **fields) -> Batch:
    """A batch in float64 with index 0..B-1 and weights one, where `fields` do not say otherwise."""
    rows = len(labels)
    given = {"index": torch.arange(rows), "w": torch.ones(rows).double(), "clock": Clock(), **fields}
    return Batch(x, hot(labels, classes), **given)


class MLP(nn.Module):
    """linear2(tanh(linear1(x))) with stored weights; `pad` puts a zero logit before a single one."""

    def __init__(self, numbers: dict[str, Tensor], prefix: str = "", *, pad: bool = False) -> None:
        super().__init__()
        for name in ("linear1", "linear2"):
            weight, bias = numbers[f"{prefix}{name}.weight"], numbers[f"{prefix}{name}.bias"]
            layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
            layer.load_state_dict({"weight": weight, "bias": bias})
            setattr(self, name, layer)
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        z = self.linear2(torch.tanh(self.linear1(x)))
        return functional.pad(z, (1, 0)) if self.pad else z


def assert_gradients(nets: Networks, numbers: dict[str, Tensor], prefix: str, **tolerance) -> None:
    """The gradients of the only network are those stored under `prefix` and the parameter's name."""
    for name, parameter in nets[0].named_parameters():
        torch.testing.assert_close(parameter.grad, numbers[prefix + name], **tolerance)


def assert_weights(nets: Networks, numbers: dict[str, Tensor], prefix: str, **tolerance) -> None:
    """The parameters of the only network are those stored under `prefix` and the parameter's name."""
    for name, parameter in nets[0].named_parameters():
        torch.testing.assert_close(parameter.detach(), numbers[prefix + name], **tolerance)
