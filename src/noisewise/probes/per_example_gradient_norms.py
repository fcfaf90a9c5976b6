"""Squared norms of the gradients of single examples, per layer, without forming the gradients.

The gradient with respect to the weights of a layer is a sum, over positions t, of outer products of the layer's input
a_t and the gradient at its output b_t. Its squared norm is ||sum_t b_t a_t'||^2 = sum_{t,u} (a_t . a_u) (b_t . b_u).
For a linear layer of a vector this is ||a||^2 ||b||^2 (Goodfellow, Efficient Per-Example Gradient Computations, 2015).
For a convolution, over unfolded patches, the cheaper of the two forms is used (Bu, Mao and Xu, Scalable and Efficient
Training of Large Convolutional Neural Networks with Differential Privacy, NeurIPS 2022, section 3). Layers of other
kinds, shared layers and layers called several times use per-example gradients from `torch.func`.
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

NUMBERS_AT_ONCE = 1 << 25  # 128 MiB of float32
MOST_ROWS = 64

Square = Callable[[Tensor], Tensor]


class SquaredNorms:
    """Squared norms of the gradients of single examples.

    Args:
        net: maps (n, ...) inputs to (n, K) logits, in evaluation mode and independently for every row; it does not
            change.
        labels: number of backward passes per forward pass, which determines the cheaper form; by default one per
            class.
        closed: whether to compute layers of known kinds in closed form; otherwise all use `torch.func`.

    Attributes:
        parameters: the full names of the parameters of every module that has parameters of its own, by its name.
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
        """How many of the rows (n, ...) to pass at once: at most 64, and fewer if their patches would fill memory.

        Layers that receive more than one row for one input row, such as layers over a sequence whose first axis is
        time, use `torch.func` from then on.
        """
        with self.forward_pass(x[:1]) as one:
            numbers = max(one.numbers, 1)
        self._known = {name: self._known[name] for name in one.closed}
        return max(1, min(MOST_ROWS, NUMBERS_AT_ONCE // numbers))

    @contextlib.contextmanager
    def forward_pass(self, x: Tensor) -> Iterator[ForwardPass]:
        """One forward pass of rows (n, ...), which allows any number of backward passes within the block."""
        calls: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in self._known}
        names = {module: name for name, module in self._known.items()}

        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            calls[names[module]].append((inputs[0].detach().clone(), output))
            # A later layer may change its input in place (ReLU does): it gets a copy, and we keep what was computed.
            return output.clone()

        with forward_hooks(names, keep), torch.enable_grad():
            logits = self.net(x.detach().requires_grad_().clone())
        once = {name: found[0] for name, found in calls.items() if len(found) == 1 and len(found[0][0]) == len(x)}
        yield ForwardPass(self, x, logits, once)

    def by_torch_func(self, x: Tensor, pulled: Tensor, layers: list[str]) -> dict[str, Tensor]:
        """The result of `ForwardPass.squared_norms` for some layers, by per-example gradients from `torch.func`."""
        weights = {n: self.net.get_parameter(n).detach() for layer in layers for n in self.parameters[layer]}

        def one(row: Tensor, pull: Tensor) -> dict[str, Tensor]:
            back = vjp(lambda w: functional_call(self.net, w, (row[None],))[0], weights)[1]
            gradients = back(pull)[0]
            return {name: sum_of_squares(gradients[n] for n in self.parameters[name]) for name in layers}

        with torch.no_grad():
            found: dict[str, Tensor] = vmap(one)(x, pulled)
        return found


class ForwardPass:
    """A forward pass through a network, see `SquaredNorms.forward_pass`.

    Attributes:
        logits: (n, K), detached.
        numbers: how many numbers per row are stored for the closed forms.
        closed: the names of the layers computed in closed form.
    """

    def __init__(self, norms: SquaredNorms, x: Tensor, logits: Tensor, calls: dict[str, tuple[Tensor, Tensor]]) -> None:
        self.logits, self._attached = logits.detach(), logits
        self._norms, self._x = norms, x
        self._outputs = {name: output for name, (_, output) in calls.items()}
        forms = {
            name: closed_form(norms.net.get_submodule(name), *call, norms.labels or logits.shape[1])
            for name, call in calls.items()
        }
        self._forms = {name: form for name, (form, _) in forms.items()}
        self.numbers = sum(kept for _, kept in forms.values())
        self.closed = list(forms)
        self._others = [name for name in norms.parameters if name not in calls]

    def squared_norms(self, pulled: Tensor) -> dict[str, Tensor]:
        """(n,) squared norms, by layer, of the gradients of sum_k pulled[i, k] logits[i, k].

        Args:
            pulled: (n, K) gradient with respect to the logits.
        """
        found = {}
        if self._forms:
            outputs = list(self._outputs.values())
            back = torch.autograd.grad(self._attached, outputs, pulled, retain_graph=True, materialize_grads=True)
            with torch.no_grad():
                found = {name: form(b) for (name, form), b in zip(self._forms.items(), back, strict=True)}
        if self._others:
            found |= self._norms.by_torch_func(self._x, pulled, self._others)
        return {name: found[name] for name in self._norms.parameters}


def sum_of_squares(tensors: Iterator[Tensor]) -> Tensor:
    """The sum of the squares of all entries of some tensors, a scalar."""
    return torch.stack([tensor.square().sum() for tensor in tensors]).sum()


@torch.no_grad()
def closed_form(layer: nn.Module, entering: Tensor, leaving: Tensor, labels: int = 1) -> tuple[Square, int]:
    """The closed form of a layer: a function from the gradient at its output to (n,) squared norms.

    Args:
        layer: a linear layer, a convolution of images, or a normalisation by fixed statistics.
        entering: (n, ...) input of the layer.
        leaving: (n, ...) output of the layer.
        labels: how often the form will be evaluated.

    Returns:
        The function, and how many numbers per row it stores.
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
    """The form for weights: a (n, groups, inputs, positions); `arranged` returns (n, groups, outputs, positions)."""
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
    """The form for scale and shift, which are shared by all positions of a channel."""
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
