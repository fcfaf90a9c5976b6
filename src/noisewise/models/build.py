"""Build a network that fits the data from a name, a function or a module; count parameters; compute features."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from noisewise import bounds
from noisewise.catalogue import load
from noisewise.errors import BadInput, shown
from noisewise.models.card import ModelCard
from noisewise.models.catalogue import MODELS
from noisewise.models.layers import Whitening
from noisewise.models.parts import linear_layers, record_calls
from noisewise.spec import parse


def build(
    model: str | nn.Module | Callable[..., nn.Module],
    shape: tuple[int, ...],
    classes: int,
    *,
    seed: int = 0,
    inputs: Callable[[], Tensor] | None = None,
) -> nn.Module:
    """Build a network that maps (B, C, H, W) or (B, d) float inputs to (B, K) logits.

    The same arguments give the same weights, and the caller's random state does not change. A network that is not from
    the catalogue is called once on two rows of zeros, in evaluation mode.

    Example:
        `build("mlp:widths=256x256", (28, 28, 1), 10)`

    Args:
        model: a catalogue name with its options; "module:function"; a function, called with (shape, classes); or a
            module, which is copied together with its weights.
        shape: shape of one input, (H, W, C) or (d,).
        classes: K, at least 2.
        seed: random seed of the initial weights, a whole number from 0.
        inputs: returns a sample of the inputs that the network will be trained on, (n, C, H, W); called where a new
            network has a layer that is computed from them (`layers.Whitening`). Without it such a layer is random.

    Raises:
        BadInput: the name or an option is unknown, the shape, number of classes or seed is invalid, or the model does
            not map these inputs to (B, K) logits.
    """
    shape = _check_arguments(shape, classes, seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if isinstance(model, str) and not _names_a_function(model):
            return _seeing(_from_catalogue(model, shape, classes), inputs)
        net = _from_user(load(model, here=True) if isinstance(model, str) else model, shape, classes)
        _try(net, _display_name(model), shape, classes)
    return net if isinstance(model, nn.Module) else _seeing(net, inputs)  # a module brings its weights


def check(model: str | nn.Module | Callable[..., nn.Module]) -> None:
    """Refuse what is not a model, without building one.

    Raises:
        BadInput: an unknown name or option, a value outside its bound, a module or function that is not there, or what
            is neither text nor callable.
    """
    if not isinstance(model, str):
        if not callable(model):
            raise BadInput(
                f"model={shown(model)} must be a name such as 'mlp', 'module:function', a function or a module"
            )
    elif _names_a_function(model):
        load(model, here=True)
    else:
        function, options = _catalogued(model)
        bounds.check_options(bounds.name_of(function), options, getattr(function, "bounds", {}))


def card_of(model: object) -> ModelCard | None:
    """The card of a model that is named by the catalogue; None of any other."""
    if not isinstance(model, str) or _names_a_function(model):
        return None
    card: ModelCard | None = getattr(_catalogued(model)[0], "card", None)  # a package's entry may have none
    return card


def recipe_of(model: object) -> Mapping[str, Any]:
    """The settings on the card of a model that is named by the catalogue; empty for any other."""
    return {} if (card := card_of(model)) is None else card.recipe


def side_of(model: object) -> int | None:
    """The size, in pixels, at which a model is best given images from files: its option `side`; None has none."""
    if (card := card_of(model)) is None or card.side is None:
        return None
    return int(_catalogued(str(model))[1].get("side", card.side))


def parameter_count(net: nn.Module) -> int:
    """The number of trainable parameters of a network; shared parameters count once."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def penultimate(net: nn.Module, x: Tensor) -> Tensor:
    """(B, d) penultimate features: the input of the last linear layer that a forward pass of (B, ...) inputs calls.

    The caller sets the mode of the network and whether gradients are recorded.

    Raises:
        BadInput: the network uses no `nn.Linear`.
    """
    with record_calls(linear_layers(net)) as calls:
        net(x)
    if not calls:
        raise BadInput(f"{type(net).__name__} uses no nn.Linear, so it has no penultimate features")
    return calls[-1].input.flatten(1)


def _check_arguments(shape: tuple[int, ...], classes: int, seed: int) -> tuple[int, ...]:
    sizes = tuple(shape) if np.ndim(shape) == 1 else ()
    if len(sizes) not in (1, 3) or not all(bounds.whole(1).allows(size) for size in sizes):
        raise BadInput(f"shape={shown(shape)} must be (H, W, C) or (d,), whole numbers from 1")
    bounds.check(None, "classes", classes, bounds.whole(2))
    bounds.check(None, "seed", seed, bounds.whole(0, 2**64 - 1))
    return tuple(int(size) for size in sizes)


def _seeing(net: nn.Module, inputs: Callable[[], Tensor] | None) -> nn.Module:
    """The network, with the layers computed that depend on inputs."""
    for module in net.modules():
        if inputs is not None and isinstance(module, Whitening):
            module.fit(inputs())
    return net


def _names_a_function(model: str) -> bool:
    name, colon, attribute = model.partition(":")
    return bool(colon) and name not in MODELS and attribute.isidentifier()


def _from_catalogue(model: str, shape: tuple[int, ...], classes: int) -> nn.Module:
    function, options = _catalogued(model)
    try:
        net: nn.Module = function(shape, classes, **options)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):  # what torch raises instead
            raise BadInput(f"model={model!r} needs more memory than there is for inputs of shape {shape}") from error
        raise
    return net


def _catalogued(model: str) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
    """The function of a catalogue name and the options of its spec."""
    term, *more = parse(model, MODELS)
    if more:
        raise BadInput(f"model={model!r} names several models; it must name one")
    function = MODELS[term.name]
    return function, term.bind(function, given=("shape", "classes"))


def _from_user(model: Any, shape: tuple[int, ...], classes: int) -> nn.Module:
    if isinstance(model, nn.Module):
        return copy.deepcopy(model)
    if not callable(model):
        raise BadInput(f"model={shown(model)} must be a name, 'module:function', a function or a torch module")
    try:
        net = model(shape, classes)
    except BadInput:
        raise
    except Exception as error:  # a function of somebody else, or none that makes a model
        said = f"{type(error).__name__}: {error}"
        raise BadInput(
            f"model {_display_name(model)} failed when it was called with ({shape}, {classes}): {said}"
        ) from error
    if not isinstance(net, nn.Module):
        raise BadInput(f"model {_display_name(model)} returns {type(net).__name__}; it must return a torch module")
    return net


def _display_name(model: Any) -> str:
    return repr(model) if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)


def _try(net: nn.Module, name: str, shape: tuple[int, ...], classes: int) -> None:
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    sizes = (2, shape[2], *shape[:2]) if len(shape) == 3 else (2, *shape)
    with _evaluating(net), torch.no_grad():
        try:
            found = net(torch.zeros(sizes, device=device))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise BadInput(f"model {name} cannot take inputs of shape {sizes}: {str(error).splitlines()[0]}") from error
    got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if got != (2, classes):
        raise BadInput(f"model {name} must return (2, {classes}) logits for inputs of shape {sizes}, but returns {got}")


@contextlib.contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
