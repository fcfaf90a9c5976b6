"""The network of a run as files, and back: weights, what inputs become, and the rule that combines networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from noisewise import models
from noisewise.catalogue import Catalogue
from noisewise.data.normalise import Normalise
from noisewise.errors import BadInput
from noisewise.methods import METHODS, build
from noisewise.methods.semi_supervised.promix import TwoHeads
from noisewise.models import MODELS
from noisewise.models.trees import BoostedTrees
from noisewise.run.inputs import RunInputs
from noisewise.spec import places
from noisewise.training.method import Method
from noisewise.training.networks import Networks, Predictor, first_network, mean_of_logits

WEIGHTS, INPUTS, HEAD = "model.safetensors", "inputs.safetensors", "noisewise"
RULES: dict[str, Callable[[Tensor], Tensor]] = {"first network": first_network, "mean of logits": mean_of_logits}
OF_METHOD, CHECK, STATE = "method", "check", "method."
TREES = "trees."
SMALL = 1024  # numbers of a part of a method's state that may belong to how it predicts


def write_model(folder: Path, predictor: Predictor, inputs: RunInputs, normalise: Normalise, classes: int) -> None:
    """Write `model.safetensors` and `inputs.safetensors`.

    Args:
        folder: where.
        predictor: the trained networks.
        inputs: how rows become inputs.
        normalise: how inputs are prepared.
        classes: K.
    """
    weights = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in predictor.nets.state_dict().items()
    }
    save_file(weights, str(folder / WEIGHTS))
    written, arrays = inputs.plain()
    rule = _rule(predictor, classes)
    arrays |= {"normalise.mean": normalise.mean.cpu().numpy(), "normalise.std": normalise.std.cpu().numpy()}
    arrays[CHECK] = _checked(predictor, classes).numpy()
    if rule == OF_METHOD:
        state = _method_of(predictor).state_dict()
        arrays |= {
            f"{STATE}{name}": v.cpu().numpy()
            for name, v in state.items()
            if isinstance(v, Tensor) and v.numel() <= SMALL
        }
    trees = [net for net in predictor.nets.nets if isinstance(net, BoostedTrees)]
    head = {"inputs": written, "networks": len(predictor.nets), "rule": rule, "trees": [net.depth for net in trees]}
    head["two_heads"] = any(isinstance(net, TwoHeads) for net in predictor.nets.nets)
    plain = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    save_arrays(plain, str(folder / INPUTS), metadata={HEAD: json.dumps(head)})


def read_model(
    folder: Path, metrics: Mapping[str, Any], model: Any = None, method: Any = None
) -> tuple[Predictor, RunInputs, Normalise]:
    """What `write_model` wrote.

    Args:
        folder: of the run.
        metrics: the content of its `run.json`.
        model: the network as it was given to the training; None is the name in `run.json`, which may not be
            "module:attribute".
        method: likewise.

    Raises:
        BadInput: files are missing or damaged, or the networks cannot be built again.
    """
    for name in (WEIGHTS, INPUTS):
        if not (folder / name).is_file():
            raise BadInput(f"{folder} has no {name}: give the folder that `noisewise train` of this version wrote")
    try:
        weights = load_file(str(folder / WEIGHTS))
        with safe_open(str(folder / INPUTS), "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            head = json.loads((file.metadata() or {})[HEAD])
        inputs = RunInputs.read(head["inputs"], arrays)
        nets = _networks(head, inputs.shape, weights, metrics, _stated(folder, "model", metrics, model, MODELS))
        nets.load_state_dict(weights)
        combine = RULES.get(head["rule"])
        if combine is None:
            combine = _predicting(_stated(folder, "method", metrics, method, METHODS), arrays)
        normalise = Normalise(*(torch.tensor(arrays[f"normalise.{name}"]) for name in ("mean", "std")))
    except BadInput:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"the model in {folder} is damaged, or of another network: {reason}") from error
    predictor = Predictor(nets, combine)
    expected = torch.tensor(arrays[CHECK])
    found = _checked(predictor, len(metrics["classes"]))
    if found.shape != expected.shape or not torch.allclose(found, expected, atol=1e-5):
        raise BadInput(
            f"the run in {folder} combines its networks by its method, {metrics['method']}, which is not the same now: "
            "give the Method that trained it"
        )
    return predictor, inputs, normalise


def _stated(folder: Path, key: str, metrics: Mapping[str, Any], given: Any, catalogue: Catalogue) -> Any:
    """What was trained: what is given, else the name in `run.json`, unless it names code that came with the file.

    Raises:
        BadInput: it names such code.
    """
    if given is not None:
        return given
    name = str(metrics[key])
    if own := places(name, catalogue):
        raise BadInput(
            f"the run in {folder} was trained with {own[0]}, which is not noisewise's, and code that a file names is "
            f"not run: if you trust it, name it yourself by {key}={name!r}, or --{key} {name}"
        )
    return name


def _networks(
    head: Mapping[str, Any],
    shape: tuple[int, ...],
    weights: Mapping[str, Tensor],
    metrics: Mapping[str, Any],
    model: Any,
) -> Networks:
    precision = str(metrics["precision"])
    if head["trees"]:
        found: list[nn.Module] = []
        for at, depth in enumerate(head["trees"]):
            parts = {name.removeprefix(f"nets.{at}."): value for name, value in weights.items()}
            names = ("feature", "threshold", "following", "votes", "alphas")
            found.append(BoostedTrees(**{name: parts[name] for name in names}, depth=int(depth)))
        return Networks(found, precision)
    try:
        built = [models.build(model, shape, len(metrics["classes"])) for _ in range(int(head["networks"]))]
    except BadInput as error:
        raise BadInput(f"the run was trained with an object, {model}: give it as model= to load the run") from error
    return Networks([TwoHeads(net) for net in built] if head["two_heads"] else built, precision)


def _rule(predictor: Predictor, classes: int) -> str:
    logits = _logits(predictor, classes)
    with torch.no_grad():
        here = predictor.combine(logits)
        for name, rule in RULES.items():
            if torch.equal(here, rule(logits)):
                return name
    return OF_METHOD


def _method_of(predictor: Predictor) -> Method:
    owner = getattr(predictor.combine, "__self__", None)
    if not isinstance(owner, Method):
        raise BadInput("a run whose networks are combined by a function cannot be saved: use a method's `predict`")
    return owner


def _predicting(method: Any, arrays: Mapping[str, np.ndarray]) -> Callable[[Tensor], Tensor]:
    """How a method predicts, once it has the small parts of its state again."""
    if not isinstance(method, Method):
        method = getattr(build(method), "keywords", {}).get("method")
    if not isinstance(method, Method):
        raise BadInput("the run combines its networks by a method that its recipe made: give the Method to load it")
    known = method.state_dict()
    state = {
        name.removeprefix(STATE): torch.tensor(values) for name, values in arrays.items() if name.startswith(STATE)
    }
    fitting = {name: value for name, value in state.items() if name in known and known[name].shape == value.shape}
    method.load_state_dict(fitting, strict=False)
    return method.predict


def _logits(predictor: Predictor, classes: int) -> Tensor:
    """(N, 8, K) logits by which rules are told apart; the same for every predictor of N networks of K classes."""
    drawn = 3 * torch.randn(len(predictor.nets), 8, classes, generator=torch.Generator().manual_seed(0))
    return drawn.to(next(predictor.nets.parameters()).device)


def _checked(predictor: Predictor, classes: int) -> Tensor:
    with torch.no_grad():
        return predictor.combine(_logits(predictor, classes)).float().cpu()
