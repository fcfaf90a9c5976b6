"""An exponential moving average of networks: the teacher of mean-teacher methods (Tarvainen and Valpola, 2017)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from noisewise.training.networks import Networks


class Average(nn.Module):
    """w' <- decay w' + (1 - decay) w, equation 1, for the weights; other buffers are copied.

    A submodule of a method, so that it is stored and resumed with it; no objective moves it.

    Args:
        nets: the networks to follow; copied as they are now.
        decay: in [0, 1].
    """

    def __init__(self, nets: Networks, decay: float) -> None:
        super().__init__()
        self.nets = copy.deepcopy(nets).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, nets: Networks, decay: float | None = None) -> None:
        """Move towards `nets`, by another decay than the usual where one is given."""
        keep = self.decay if decay is None else decay
        for mine, theirs in zip(self.nets.parameters(), nets.parameters(), strict=True):
            mine.mul_(keep).add_(theirs.detach(), alpha=1 - keep)
        for here, there in zip(self.nets.buffers(), nets.buffers(), strict=True):
            here.copy_(there)

    def forward(self, x: Tensor) -> Tensor:
        """(N, B, K) logits of the averaged networks, in their present mode."""
        return self.nets(x)
