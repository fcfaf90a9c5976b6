"""A batch has a view if and only if something is drawn, for every kind of data that a training can have."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import noisewise as nw
from noisewise.data import Dataset, load
from noisewise.methods import build
from noisewise.training import Config, Training
from noisewise.training.streams import Streams

ROWS = 24
CONFIG = Config(epochs=1, batch_size=8, validation=0.0)


def images(*shape):
    pixels = np.random.default_rng(0).integers(256, size=(ROWS, *shape), dtype=np.uint8)
    return Dataset(pixels, np.arange(ROWS) % 2, ("a", "b"), "image")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """One data set of every kind, as readers make them where a file is quickly written."""
    folder, rng = tmp_path_factory.mktemp("kinds"), np.random.default_rng(0)
    labels = np.array(["a", "b"])[np.arange(ROWS) % 2]
    columns = pd.DataFrame({"length": rng.normal(size=ROWS), "city": rng.choice(["x", "y"], ROWS), "label": labels})
    columns.to_csv(folder / "table.csv", index=False)
    words = [" ".join(rng.choice(["good", "bad", "long", "film", "plot", "very"], 9)) for _ in range(ROWS)]
    pd.DataFrame({"text": words, "label": labels}).to_csv(folder / "text.csv", index=False)
    return {
        "small colour images": images(32, 32, 3),
        "small grey images": images(28, 28, 1),
        "large colour images": images(96, 72, 3),
        "large grey images": images(80, 80, 1),
        "tiny images": images(5, 7, 3),
        "table": load(str(folder / "table.csv")),
        "text": load(str(folder / "text.csv")),
        "vectors": Dataset(rng.normal(size=(ROWS, 4)).astype(np.float32), np.arange(ROWS) % 2, ("a", "b")),
    }


NAMES = (
    "small colour images",
    "small grey images",
    "large colour images",
    "large grey images",
    "tiny images",
    "table",
    "text",
    "vectors",
)
SETTINGS = ("auto", "none", "jitter:0.1", "flip", "crop:1", "cutout:2", "randaugment:2,5", "autoaugment:cifar10")


def flat(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), classes))


def first_batch(data, augment, strong, seed=0):
    """A batch as a training draws it, with an auxiliary batch, and the same rows as they are in the data."""
    training = Training(replace(data, trusted=data), flat, replace(CONFIG, augment=augment, strong=strong))
    others = {"trusted": (training.split("trusted"), None), "unlabelled": (training.rows, None)}
    streams = Streams(training.rows, None, others, CONFIG.batch_size, 2)
    batch = next(streams.epoch(torch.Generator().manual_seed(seed)))
    (_, raw), *_ = training.rows.stream(batch.rows, len(batch))
    return batch, training.rows.prepare(raw, None)


def equal(draw):
    """Whether what is drawn is the same every time."""
    return all(
        torch.equal(draw(torch.Generator().manual_seed(0)), draw(torch.Generator().manual_seed(s))) for s in (1, 2)
    )


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", NAMES)
def test_a_view_exists_if_and_only_if_views_differ(name, setting, kinds):
    data = kinds[name]
    assert set(kinds) == set(NAMES)
    if data.kind != "image" and setting not in ("auto", "none", "jitter:0.1"):
        with pytest.raises(nw.errors.BadInput, match="is for images"):
            first_batch(data, setting, "none")
        return
    batch, plain = first_batch(data, setting, "none")
    assert (batch.view is None) == torch.equal(batch.x, plain)
    assert batch.strong is None
    for one in (batch, *batch.auxiliary.values()):
        assert (one.view is None) == (batch.view is None)
        assert one.view is None or not equal(one.view)
        assert one.view is None or not torch.equal(one.view(torch.Generator()), one.x)
    # what is drawn weakly does not depend on the strong view, and the other way round
    second, _ = first_batch(data, "none", setting)
    assert second.view is None
    assert torch.equal(second.x, plain)
    assert (second.strong is None) == (setting in ("auto", "none"))
    assert second.strong is None or not equal(second.strong)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_by_default(name, kinds):
    coloured = kinds[name].kind == "image" and kinds[name].shape[-1] == 3
    for strong in (Config().strong, "auto"):
        batch, _ = first_batch(kinds[name], Config().augment, strong)
        assert (batch.view is not None) == coloured
        assert (batch.strong is not None) == (coloured and strong == "auto")


def digits():
    return nw.corrupt(nw.load("digits"), "symmetric:0.4", seed=0).take(np.arange(300))


def weights(spec, **settings):
    """The weights after two epochs on digits."""
    training = Training(digits(), "mlp:16", Config(epochs=2, batch_size=32, validation=0.0, **settings))
    build(spec)(training)
    return torch.cat([p.detach().reshape(-1) for p in training.predictor.nets.parameters()])


@pytest.mark.parametrize("augment", ["auto", "crop:1"])
def test_consistency_of_sop_plus_has_an_effect_on_grey_images(augment):
    one, other = (weights(f"sop-plus:consistency={c}", augment=augment) for c in (0.9, 0))
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["dividemix", "pes:semi=true,first=1", "promix:warmup=1"])
def test_without_augmentation_no_row_passes_twice_in_a_step(name):
    """The rows that networks see in training mode, with and without a second view."""

    def passed(**settings):
        seen = []

        def counted(shape, classes):
            net = flat(shape, classes)
            net.register_forward_hook(lambda module, inputs, output: seen.append(len(output) * module.training))
            return net

        training = Training(digits(), counted, Config(epochs=4, batch_size=32, validation=0.0, **settings))
        build(name)(training)
        return sum(seen)

    assert passed() < 0.8 * passed(augment="jitter:1e-6")
