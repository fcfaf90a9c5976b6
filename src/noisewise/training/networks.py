"""N networks as one module, forward passes without side effects, and learners and predictors made of networks."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase

from noisewise.training.config import Config
from noisewise.training.distributed import divided

# Devices on which the caller may have entered autocast.
_AUTOCAST = ("cpu", "cuda")


class Networks(nn.Module):
    """N networks on an axis: (B, ...) inputs become (N, B, K) float32 logits.

    Where several processes train together, each computes its part of the B rows and receives the logits of all.

    Args:
        modules: the networks; shared, not copied.
        precision: "fp32", or "bf16" to run the forward pass under autocast.
    """

    def __init__(self, modules: Iterable[nn.Module], precision: str = "fp32") -> None:
        super().__init__()
        self.nets = nn.ModuleList(modules)
        self.precision = precision

    def __len__(self) -> int:
        return len(self.nets)

    def __getitem__(self, position: int) -> nn.Module:
        return self.nets[position]

    def forward(self, x: Tensor) -> Tensor:
        shared = divided(self, x)
        if shared is not None:
            return shared
        half, kind = self.precision == "bf16", x.device.type
        if half or (kind in _AUTOCAST and torch.is_autocast_enabled(kind)):
            casting: contextlib.AbstractContextManager = torch.autocast(kind, dtype=torch.bfloat16, enabled=half)
        else:
            casting = contextlib.nullcontext()  # entering autocast takes as long as several operations
        with casting:
            outputs = [net(x) for net in self.nets]
        logits = outputs[0][None] if len(outputs) == 1 else torch.stack(outputs)
        return logits if logits.dtype == torch.float64 else logits.float()

    def trainable(self) -> dict[str, Tensor]:
        """The parameters a step moves, by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}


def stateless_forward(nets: Networks, x: Tensor, *, params: Mapping[str, Tensor] | None = None) -> Tensor:
    """Stateless forward pass: buffers (such as BatchNorm statistics) and the RNG state are left unchanged.

    Within one step dropout uses the same masks as the step's own forward pass.

    Args:
        nets: the networks, in their present mode.
        x: (B, ...) inputs.
        params: parameters to use instead of the networks' own, by name.

    Returns:
        (N, B, K) logits.
    """
    with no_trace(nets) as buffers:
        changed = {**(params or {}), **buffers}
        return functional_call(nets, changed, (x,)) if changed else nets(x)


def eval_forward(nets: Networks, x: Tensor) -> Tensor:
    """(N, B, K) logits in evaluation mode; the mode is restored afterwards."""
    with evaluating(nets):
        return nets(x)


@contextlib.contextmanager
def no_trace(nets: Networks) -> Iterator[dict[str, Tensor]]:
    """Within the block normalisation layers use but do not update their statistics; the RNG state is restored after it.

    Yields:
        Copies of the buffers of all other layers, by name, to be used in place of the real ones.
    """
    moving: list[_NormBase] = []
    copies: dict[str, Tensor] = {}
    for name, module in nets.named_modules():  # once: it takes as long as a pass through a small network
        if isinstance(module, _NormBase):
            if module.training and module.track_running_stats:
                moving.append(module)
        elif module._buffers:
            own = module.named_buffers(name, recurse=False)
            copies |= {key: buffer.clone() for key, buffer in own}
    devices = {p.device for p in nets.parameters() if p.device.type == "cuda"} if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng([d.index for d in devices if d.index is not None]):
        for module in moving:
            module.track_running_stats = False
        try:
            yield copies
        finally:
            for module in moving:
                module.track_running_stats = True


@contextlib.contextmanager
def evaluating(nets: nn.Module) -> Iterator[None]:
    """Evaluation mode within the block; every submodule's own mode is restored afterwards."""
    modes = [(module, module.training) for module in nets.modules()]
    nets.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@dataclass(eq=False)
class Learner:
    """Networks with their optimiser.

    Attributes:
        name: unique in a training.
        nets: the networks.
        optimizer: over their trainable parameters.
        epochs_done: number of epochs they have trained.
        epochs: number of epochs of their own learning-rate schedule; None is the training's.
        config: settings of their optimiser and schedule; None is the training's.
    """

    name: str
    nets: Networks = field(repr=False)
    optimizer: torch.optim.Optimizer = field(repr=False)
    epochs_done: int = 0
    epochs: int | None = field(default=None, repr=False)
    config: Config | None = field(default=None, repr=False)


class Predictor(nn.Module):
    """The result of a training: networks, and the rule that combines their predictions.

    Args:
        nets: the networks.
        combine: (N, B, K) logits to (B, K) probabilities; by default the softmax of the first network.
    """

    def __init__(self, nets: Networks, combine: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.nets = nets
        self.combine = combine or first_network

    def forward(self, x: Tensor) -> Tensor:
        """(B, K) probabilities of (B, ...) prepared inputs."""
        return self.combine(self.nets(x))


def first_network(logits: Tensor) -> Tensor:
    """(B, K) softmax of the first of (N, B, K) logits: the cost of one network at inference."""
    return logits[0].softmax(dim=-1)


def mean_of_logits(logits: Tensor) -> Tensor:
    """(B, K) softmax of the mean over networks of (N, B, K) logits."""
    return logits.mean(dim=0).softmax(dim=-1)


class Average(nn.Module):
    """An exponential moving average of networks: the teacher of mean-teacher methods (Tarvainen and Valpola, 2017).

    w' <- decay w' + (1 - decay) w, equation 1, for the weights; other buffers are copied.

    As a submodule of a method it is stored and resumed with the method; no objective updates it.

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
        """Move the average towards `nets`, by `decay` if given in place of the usual one."""
        keep = self.decay if decay is None else decay
        for mine, theirs in zip(self.nets.parameters(), nets.parameters(), strict=True):
            mine.mul_(keep).add_(theirs.detach(), alpha=1 - keep)
        for here, there in zip(self.nets.buffers(), nets.buffers(), strict=True):
            here.copy_(there)

    def forward(self, x: Tensor) -> Tensor:
        """(N, B, K) logits of the averaged networks, in their present mode."""
        return self.nets(x)
