"""Every option of everything that a spec can name, with values of every kind: refused in one line, or it works."""

import contextlib
import inspect
import warnings

import numpy as np
import pytest

import noisewise as nw
from noisewise import models
from noisewise.bounds import check_options, name_of
from noisewise.data.augment.spec import OPERATIONS, Augment
from noisewise.errors import BadInput, Diverged
from noisewise.methods import METHODS, build
from noisewise.models import MODELS
from noisewise.noise import CORRUPTIONS
from noisewise.noise.corruption import corruptions
from noisewise.probes import PROBES
from noisewise.probes.build import build as build_probes

WORDS = ["none", "true", "x", '""', '"0.5"', "auto", "nosuch.npy", "os:getcwd", "é", "1_0"]
NUMBERS = ["nan", "inf", "-inf", "-1", "0", "1", "2", "0.5", "2.5", "1e300", "1e-300", "1e400", "9" * 30]
VALUES = WORDS + NUMBERS
CATALOGUES = {"method": METHODS, "corruption": CORRUPTIONS, "model": MODELS, "probe": PROBES, "augment": OPERATIONS}
GIVEN = ("training", "shape", "classes", "self")
SMALL = {"pgd": {"batches": 1, "steps": 1}}  # options that make a case quick
REQUIRED = {"rate": 0.3, "p": 0.3, "eps": 0.3, "ratio": 5, "pixels": 2, "size": 4, "file": "x.npy", "policy": "cifar10"}


def options():
    """Kind, name and option of all."""
    for kind, catalogue in CATALOGUES.items():
        for name in catalogue.own:
            for option, parameter in inspect.signature(catalogue[name]).parameters.items():
                if option not in GIVEN and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                    yield kind, name, option


def spec(kind, name, option, value):
    """A spec that states the option, and those that have no default."""
    parameters = inspect.signature(CATALOGUES[kind][name]).parameters
    needed = {n: REQUIRED[n] for n, p in parameters.items() if p.default is p.empty and n in REQUIRED}
    stated = {**needed, **SMALL.get(name, {}), option: value}
    return f"{name}:{','.join(f'{key}={one}' for key, one in stated.items())}"


def made(kind, text):
    """Make what a spec names.

    Raises:
        BadInput: the spec is not legal.
    """
    make = {
        "method": build,
        "corruption": corruptions,
        "model": models.check,
        "probe": build_probes,
        "augment": Augment,
    }
    return make[kind](text)


@pytest.mark.parametrize(("kind", "name", "option"), list(options()))
def test_a_value_is_refused_in_one_line_or_taken(kind, name, option):
    refused = []
    for value in VALUES:
        try:
            made(kind, spec(kind, name, option, value))
        except BadInput as error:
            refused.append(str(error))
    assert refused, "this option takes anything: declare its bound"
    assert not any("\n" in said for said in refused)
    assert all(name in said or option in said for said in refused)


@pytest.mark.parametrize(("kind", "name", "option"), list(options()))
def test_the_default_is_legal(kind, name, option):
    entry = CATALOGUES[kind][name]
    default = inspect.signature(entry).parameters[option].default
    if default is not inspect.Parameter.empty:
        bounds = getattr(entry, "bounds", {})
        assert check_options(name_of(entry), {option: default}, bounds) == {option: default}


def used(kind, text):
    """Use what a spec names, on a few rows."""
    rng, labels = np.random.default_rng(0), np.arange(36) % 3
    pixels = rng.integers(0, 255, (36, 32, 32, 3)).astype(np.uint8)
    data = nw.Dataset(pixels, labels, classes=("a", "b", "c"), kind="image")
    if kind == "corruption":
        nw.corrupt(data, text)
        return
    asked = {
        "method": {"method": text},
        "model": {"model": text},
        "probe": {"observe": text},
        "augment": {"augment": text},
    }
    common = {"method": "ce", "model": "mlp:4", "epochs": 1, "batch_size": 12, "trusted": 6, "corrupt": "symmetric:0.2"}
    nw.train(data, report=False, **{**common, **asked[kind]})


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name", "option"), list(options()))
def test_what_is_taken_works(kind, name, option):
    for value in VALUES:
        text = spec(kind, name, option, value)
        with contextlib.suppress(BadInput):
            made(kind, text)
            with contextlib.suppress(Diverged), warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of torch, where a module is first imported
                used(kind, text)
