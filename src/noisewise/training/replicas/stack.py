"""Networks of one form as one: their weights on a further axis, and one forward pass for all (`torch.func.vmap`)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from noisewise.training.networks import Networks

DROPOUTS = (functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d)


class Stack:
    """The networks of R replicas, N each, with their weights and buffers stacked to (R x N, ...) tensors.

    Within `held` the weights and buffers of the replicas are slices of the stacked ones: what a method does with the
    networks of one replica reads and writes the same numbers. Afterwards they are tensors of their own again.

    Args:
        members: R collections of networks, of one form each (see `form_of`), in training mode.

    Attributes:
        params: (R x N, ...) stacked trainable weights, by their name in one network.
    """

    def __init__(self, members: Sequence[Networks]) -> None:
        self.members = list(members)
        self.precision = self.members[0].precision
        self._nets = [net for member in self.members for net in member.nets]
        self._base = self._nets[0]
        weights = dict(self._base.named_parameters())
        self._all = {name: stacked([net.get_parameter(name).detach() for net in self._nets]) for name in weights}
        self._buffers = {
            name: stacked([net.get_buffer(name) for net in self._nets]) for name, _ in self._base.named_buffers()
        }
        self.params = {name: self._all[name].requires_grad_() for name, p in weights.items() if p.requires_grad}

    def slices(self, tensors: Sequence[Tensor], replica: int) -> dict[str, Tensor]:
        """One replica's part of tensors that belong to `params`, by the names of `Networks.trainable`."""
        found = {}
        count = len(self.members[0])
        for position in range(count):
            for name, tensor in zip(self.params, tensors, strict=True):
                found[f"nets.{position}.{name}"] = tensor[replica * count + position]
        return found

    @contextmanager
    def held(self) -> Iterator[None]:
        """The replicas' own weights and buffers are slices of the stacked ones within the block."""
        weights = [
            (net.get_parameter(name), whole.data[number])
            for number, net in enumerate(self._nets)
            for name, whole in self._all.items()
        ]
        buffers = [
            (net.get_buffer(name), whole[number])
            for number, net in enumerate(self._nets)
            for name, whole in self._buffers.items()
        ]
        with lent([*weights, *buffers]):
            yield

    def forward(self, inputs: Sequence[Tensor], draws: Draws) -> Tensor:
        """The step's own forward pass of all replicas: it updates normalisation statistics.

        Args:
            inputs: R tensors (B, ...) of one shape.
            draws: the replicas' random states, from which dropout draws.

        Returns:
            (R, N, B, K) logits, in float32 unless the networks are of float64.
        """
        replicas, networks = len(self.members), len(self.members[0])
        x = torch.stack(list(inputs))
        if networks > 1:
            x = x[:, None].expand(-1, networks, *x.shape[1:]).flatten(0, 1)
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"), _Dropout(draws):
            logits = vmap(self._one, randomness="error")(self._all, self._buffers, x)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        return logits.unflatten(0, (replicas, networks))

    def _one(self, params: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(self._base, (params, buffers), (x,))


class Draws:
    """The global random states of replicas, so that each draws what it would draw alone.

    Args:
        seeds: of the replicas.
        device: where dropout draws its masks.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self._device = device
        self._states: list[tuple[Tensor, Tensor | None]] = []
        for seed in seeds:
            torch.manual_seed(seed)
            self._states.append(self._present())

    @contextmanager
    def of(self, replica: int) -> Iterator[None]:
        """Within the block a replica draws; the state that it leaves is kept for its next block."""
        cpu, cuda = self._states[replica]
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, self._device)
        yield
        self._states[replica] = self._present()

    def __len__(self) -> int:
        return len(self._states)

    def _present(self) -> tuple[Tensor, Tensor | None]:
        cuda = torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
        return torch.get_rng_state(), cuda


class _Dropout(TorchFunctionMode):
    """Every replica's dropout masks are drawn from its own random state."""

    def __init__(self, draws: Draws) -> None:
        super().__init__()
        self._draws = draws

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in DROPOUTS:
            return func(*args, **(kwargs or {}))
        return self._masked(func, *args, **(kwargs or {}))

    def _masked(self, func: Any, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or p == 0:
            return x
        mask = _Mask.apply(x.detach(), func, p, self._draws)
        return x.mul_(mask) if inplace else x * mask


class _Mask(torch.autograd.Function):
    """What dropout multiplies with: 0 or 1 / (1 - p), drawn for each replica from its own state."""

    @staticmethod
    def forward(x: Tensor, func: Any, p: float, draws: Draws) -> Tensor:
        return func(torch.ones_like(x), p, True)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return None, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, func: Any, p: float, draws: Draws) -> tuple[Tensor, int]:
        parts = x.movedim(in_dims[0], 0).unbind(0)
        masks = []
        for replica, part in enumerate(parts):
            with draws.of(replica):
                masks.append(func(torch.ones_like(part), p, True))
        return torch.stack(masks), 0


@contextmanager
def lent(pairs: Iterable[tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Tensors have other storage within the block; afterwards their own again, with the values written meanwhile.

    Args:
        pairs: a tensor, and what holds its values meanwhile.
    """
    with torch.no_grad():
        borrowed = [(tensor, tensor.data, place) for tensor, place in pairs]
        for tensor, _, place in borrowed:
            tensor.data = place
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, own, place in borrowed:
                own.copy_(place)
                tensor.data = own


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """(m, ...) of m tensors; each slice has the memory format of the first one."""
    first = tensors[0]
    whole = (
        torch.empty_strided(
            (len(tensors), *first.shape),
            (max(first.numel(), 1), *first.stride()),
            dtype=first.dtype,
            device=first.device,
        )
        if dense(first)
        else first.new_empty((len(tensors), *first.shape))
    )
    for place, tensor in zip(whole, tensors, strict=True):
        place.copy_(tensor)
    return whole


def dense(tensor: Tensor) -> bool:
    """Whether the elements lie side by side, in whatever order of the axes."""
    strides = sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1)
    expected = 1
    for stride, size in strides:
        if stride != expected:
            return False
        expected *= size
    return True


def form_of(nets: Networks) -> Hashable:
    """What networks must agree in to be stacked: their modules, settings, shapes, precision and number."""
    plain = (bool, int, float, str, tuple, type(None))
    modules = [
        (
            name,
            type(module),
            repr([(k, v) for k, v in sorted(vars(module).items()) if isinstance(v, plain)]),
        )
        for name, module in nets.named_modules()
    ]
    tensors = [(name, t.shape, t.dtype, t.requires_grad) for name, t in _named(nets)]
    return nets.precision, len(nets), tuple(modules), tuple(tensors)


def _named(nets: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from nets.named_parameters()
    yield from nets.named_buffers()


def has_dropout(nets: nn.Module) -> bool:
    """Whether a forward pass in training mode draws random numbers."""
    return any(isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0 for module in nets.modules())


def can_stack(members: Sequence[Networks], x: Tensor) -> bool:
    """Whether the networks can compute as one, tried on two rows: not where values of a tensor decide what they do.

    Args:
        members: networks of equal forms.
        x: (2, ...) inputs of one of them.
    """
    device = x.device
    modes = [module for net in members for module in net.modules() if not module.training]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad():
        for member in members:
            member.train()
        stack = Stack(members[:2])  # copies: the networks' own statistics stay
        try:
            stack.forward([x] * len(stack.members), Draws([0] * len(stack.members), device))
        except RuntimeError:
            return False
        finally:
            for module in modes:
                module.training = False
    return True
