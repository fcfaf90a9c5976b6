"""Parts of any network: what its modules compute during a forward pass, and its layers from front to back."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from torch import Tensor, nn

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class Call(NamedTuple):
    """One call of a module.

    Attributes:
        module: the module.
        input: its first positional argument.
        output: what it returned.
    """

    module: nn.Module
    input: Tensor
    output: Tensor


@contextlib.contextmanager
def forward_hooks(modules: Iterable[nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """Within the block, run `hook(module, inputs, output)` after every call of the modules.

    A hook that returns something other than None replaces the module's output.
    """
    # A hook is the only way to see inside a network whose `forward` we did not write. It is removed even if the
    # forward pass fails: one that stayed would run in every later pass and keep its tensors alive.
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def record_calls(modules: Iterable[nn.Module]) -> Iterator[list[Call]]:
    """Within the block, record every call of the modules, in the order in which they return."""
    calls: list[Call] = []
    with forward_hooks(modules, lambda module, inputs, output: calls.append(Call(module, inputs[0], output))):
        yield calls


def linear_layers(net: nn.Module) -> list[nn.Linear]:
    """The `nn.Linear` modules of a network, in the order of registration."""
    return [module for module in net.modules() if isinstance(module, nn.Linear)]


def layers(net: nn.Module) -> list[list[str]]:
    """The names of the submodules of each layer, from front to back.

    A layer is a submodule with weights, found through containers, and the normalisation that follows it. A residual
    block is one layer.
    """
    found: list[list[str]] = []
    complete = True
    for name, module in _units(net):
        has_weights = any(p.ndim >= 2 for p in module.parameters())
        if not found or (has_weights and complete):
            found.append([name])
            complete = has_weights
        else:
            found[-1].append(name)
            complete = complete or has_weights
    return found


def last_stage(net: nn.Module) -> int:
    """How many layers the last stage before the last layer has: the blocks of the last width, or one plain layer.

    A block is a layer with several weights, such as a residual block; its width is the size of its last weight's
    output.
    """
    widths = [_width(net, names) for names in layers(net)[:-1]]
    same = itertools.takewhile(lambda width: width is not None and width == widths[-1], reversed(widths))
    return max(1, len(list(same)))


def _width(net: nn.Module, names: list[str]) -> int | None:
    """The width of a layer that is a block; None of another layer."""
    weights = [p for name in names for p in net.get_submodule(name).parameters() if p.ndim >= 2]
    return len(weights[-1]) if len(weights) > 1 else None


def _units(net: nn.Module, prefix: str = "") -> list[tuple[str, nn.Module]]:
    children = [(f"{prefix}{name}", m) for name, m in net.named_children() if next(m.parameters(), None) is not None]
    found: list[tuple[str, nn.Module]] = []
    for name, module in children:
        # An only child is the network inside a wrapper, not a layer.
        inside = _units(module, f"{name}.") if len(children) == 1 or isinstance(module, _CONTAINERS) else []
        found.extend(inside or [(name, module)])
    return found


def reinitialise_last(net: nn.Module, fresh: nn.Module, last: int) -> nn.Module:
    """A copy of a network with its last layers re-initialised and the layers in front of them frozen.

    Args:
        net: the network.
        fresh: a freshly initialised network of the same kind, which gives the last layers their weights. Parameters
            that it freezes stay frozen.
        last: number of layers to re-initialise. With 0 nothing is, and every layer can learn.
    """
    parts, copied = layers(net), copy.deepcopy(net)
    names = [name for part in parts[len(parts) - last :] for name in part]
    for name in names:
        copied.get_submodule(name).load_state_dict(fresh.get_submodule(name).state_dict())
    for (name, mine), theirs in zip(copied.named_parameters(), fresh.parameters(), strict=True):
        mine.requires_grad_(theirs.requires_grad and (not last or name.startswith(tuple(f"{n}." for n in names))))
    return copied
