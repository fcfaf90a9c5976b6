"""Squared lengths of the gradients of single examples, layer by layer, without the gradients themselves.

The gradient by the weights of a layer is a sum, over positions t, of outer products of what enters the layer, a_t, and
what comes back to it, b_t. Its squared length is ||sum_t b_t a_t'||^2 = sum_{t,u} (a_t . a_u) (b_t . b_u): for a linear
layer of a vector ||a||^2 ||b||^2 (Goodfellow, Efficient Per-Example Gradient Computations, 2015), for a convolution,
over unfolded patches, whichever of the two costs less (Bu, Mao and Xu, Scalable and Efficient Training of Large
Convolutional Neural Networks with Differential Privacy, NeurIPS 2022, section 3). Layers of other kinds, shared ones
and those that are called several times are asked with `torch.func`.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap
from torch.nn.functional import unfold
from torch.nn.modules.batchnorm import _BatchNorm

from noisewise.models.parts import forward_hooks

NUMBERS_AT_ONCE = 1 << 25
MOST_ROWS = 64

Square = Callable[[Tensor], Tensor]


class Squares:
    """Squared lengths of the gradients of single examples.

    Args:
        net: in evaluation mode, (n, ...) to (n, K) logits, every row by itself. It is left as it is.
        labels: how often one is going to go back through every pass, which decides what is cheaper; by
            default once per class.
        closed: whether layers of known kinds are computed in closed form; otherwise all go through `torch.func`.

    Attributes:
        parameters: by the name of a module that has parameters of its own, their full names.
    """

    def __init__(self, net: nn.Module, labels: int | None = None, *, closed: bool = True) -> None:
        self.net, self.labels = net, labels
        self.parameters: dict[str, list[str]] = {}
        for name, _ in net.named_parameters():
            self.parameters.setdefault(name.rpartition(".")[0], []).append(name)
        uses = Counter(id(parameter) for _, parameter in net.named_parameters(remove_duplicate=False))
        self._known = {
            name: module
            for name in self.parameters
            if closed and _is_known(module := net.get_submodule(name)) and all(uses[one] == 1 for one in _ids(module))
        }

    def rows_at_once(self, x: Tensor) -> int:
        """How many of (n, ...) rows to pass at once: at most 64, and fewer where patches of them would fill memory.

        Layers that are given more than one row for one row, such as those of a sequence whose first axis is time, are
        from then on asked with `torch.func`.
        """
        with self.passed(x[:1]) as one:
            numbers = max(one.numbers, 1)
        self._known = {name: self._known[name] for name in one.closed}
        return max(1, min(MOST_ROWS, NUMBERS_AT_ONCE // numbers))

    @contextlib.contextmanager
    def passed(self, x: Tensor) -> Iterator[Passed]:
        """One forward pass of (n, ...) rows, to go back through as often as one likes within the block."""
        calls: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in self._known}
        names = {module: name for name, module in self._known.items()}

        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            calls[names[module]].append((inputs[0].detach().clone(), output))
            # A later layer may change its input in place (ReLU does): it gets a copy, and we keep what was computed.
            return output.clone()

        with forward_hooks(names, keep), torch.enable_grad():
            logits = self.net(x.detach().requires_grad_().clone())
        once = {name: found[0] for name, found in calls.items() if len(found) == 1 and len(found[0][0]) == len(x)}
        yield Passed(self, x, logits, once)

    def asked(self, x: Tensor, pulled: Tensor, layers: list[str]) -> dict[str, Tensor]:
        """What `Passed.of` gives, of some layers, by per-example gradients from `torch.func`."""
        weights = {n: self.net.get_parameter(n).detach() for layer in layers for n in self.parameters[layer]}

        def one(row: Tensor, pull: Tensor) -> dict[str, Tensor]:
            back = vjp(lambda w: functional_call(self.net, w, (row[None],))[0], weights)[1]
            gradients = back(pull)[0]
            return {name: sum_of_squares(gradients[n] for n in self.parameters[name]) for name in layers}

        with torch.no_grad():
            found: dict[str, Tensor] = vmap(one)(x, pulled)
        return found


class Passed:
    """A forward pass through a network, see `Squares.passed`.

    Attributes:
        logits: (n, K), detached.
        numbers: how many are kept of it for the closed forms.
        closed: the names of the layers that have closed forms.
    """

    def __init__(self, squares: Squares, x: Tensor, logits: Tensor, calls: dict[str, tuple[Tensor, Tensor]]) -> None:
        self.logits, self._attached = logits.detach(), logits
        self._squares, self._x = squares, x
        self._outputs = {name: output for name, (_, output) in calls.items()}
        forms = {
            name: closed(squares.net.get_submodule(name), *call, squares.labels or logits.shape[1])
            for name, call in calls.items()
        }
        self._forms = {name: form for name, (form, _) in forms.items()}
        self.numbers = sum(kept for _, kept in forms.values())
        self.closed = list(forms)
        self._others = [name for name in squares.parameters if name not in calls]

    def of(self, pulled: Tensor) -> dict[str, Tensor]:
        """(n,) squared lengths, by layer, of the gradients of sum_k pulled[i, k] logits[i, k] by its parameters.

        Args:
            pulled: (n, K).
        """
        found = {}
        if self._forms:
            outputs = list(self._outputs.values())
            back = torch.autograd.grad(self._attached, outputs, pulled, retain_graph=True, materialize_grads=True)
            with torch.no_grad():
                found = {name: form(b) for (name, form), b in zip(self._forms.items(), back, strict=True)}
        if self._others:
            found |= self._squares.asked(self._x, pulled, self._others)
        return {name: found[name] for name in self._squares.parameters}


def sum_of_squares(tensors: Iterator[Tensor]) -> Tensor:
    """The sum of the squares of all numbers of some tensors, a scalar."""
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum()


@torch.no_grad()
def closed(layer: nn.Module, entering: Tensor, leaving: Tensor, labels: int = 1) -> tuple[Square, int]:
    """From what comes back to a layer, of the shape of `leaving`, to (n,) squared lengths; and the numbers kept.

    Args:
        layer: a linear layer, a convolution of images, or a normalisation by fixed statistics.
        entering: (n, ...) what the layer was given.
        leaving: (n, ...) what it made of it.
        labels: how often the form will be asked.
    """
    if isinstance(layer, _BatchNorm):
        return _normalisation(layer, entering)
    biased = layer.bias is not None
    if isinstance(layer, nn.Conv2d):
        assert not isinstance(layer.padding, str)
        patches = unfold(entering, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        a = patches.unflatten(1, (layer.groups, -1))
        return _products(a, lambda b: b.flatten(2).unflatten(1, (layer.groups, -1)), layer.out_channels, biased, labels)
    a = entering.reshape(len(entering), 1, -1, entering.shape[-1]).mT
    return _products(a, lambda b: b.reshape(len(b), 1, -1, b.shape[-1]).mT, leaving.shape[-1], biased, labels)


def _products(a: Tensor, arranged: Square, outputs: int, biased: bool, labels: int) -> tuple[Square, int]:
    """The form for weights: a (n, groups, inputs, positions); `arranged` gives (n, groups, outputs, positions)."""
    groups, inputs, positions = a.shape[1:]
    each = outputs // groups
    gram = a.mT @ a if positions * (inputs + labels * each) < labels * inputs * each else None

    def square(back: Tensor) -> Tensor:
        b = arranged(back)
        weights = (b @ a.mT).square() if gram is None else gram * (b.mT @ b)
        found = weights.sum(dim=(1, 2, 3))
        return found + b.sum(dim=3).square().sum(dim=(1, 2)) if biased else found

    return square, (a if gram is None else gram)[0].numel()


def _normalisation(layer: _BatchNorm, entering: Tensor) -> tuple[Square, int]:
    """The form for scale and shift, each of which sees a channel at all positions."""
    shape = (-1, *[1] * (entering.dim() - 2))
    mean, variance = layer.running_mean, layer.running_var
    assert mean is not None
    assert variance is not None
    unit = (entering - mean.view(shape)) * (variance + layer.eps).rsqrt().view(shape)

    def square(back: Tensor) -> Tensor:
        scale, shift = (part.flatten(2).sum(dim=2) if part.dim() > 2 else part for part in (back * unit, back))
        return (scale.square() + shift.square()).sum(dim=1)

    return square, unit[0].numel()


def _is_known(module: nn.Module) -> bool:
    if isinstance(module, _BatchNorm):
        return module.running_mean is not None and module.affine and not module.training
    if isinstance(module, nn.Conv2d):
        return module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return isinstance(module, nn.Linear)


def _ids(module: nn.Module) -> list[int]:
    return [id(parameter) for parameter in module.parameters(recurse=False)]
