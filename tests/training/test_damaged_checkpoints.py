"""Checkpoints that are damaged, or belong to other data, are refused in one sentence."""

import numpy as np
import pytest
import torch

import noisewise as nw
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.training import resume

STATE = {"identity": "x", "history": [{"loss": 0.5}], "nets": {"w": torch.arange(60.0), "b": torch.zeros(())}}


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"hello",
        {"a": torch.zeros(3)},
        torch.zeros(3),
        [1],
        {"identity": "x"},
        {**STATE, "fingerprint": "0"},
        {name: value for name, value in STATE.items() if name != "nets"} | {"fingerprint": resume.fingerprint(STATE)},
    ],
    ids=range(8),
)
def test_other_files(tmp_path, other):
    path = tmp_path / resume.FILE
    if isinstance(other, bytes):
        path.write_bytes(other)
    else:
        torch.save(other, path)
    with pytest.raises(BadInput, match="is damaged and cannot be resumed: remove it"):
        resume.read(tmp_path)


def test_every_flipped_bit_of_the_numbers_is_noticed(tmp_path):
    resume.write(tmp_path, STATE)
    path = tmp_path / resume.FILE
    good = path.read_bytes()
    start = good.index(torch.arange(60.0).numpy().tobytes())
    for at in range(start, start + 240, 7):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(BadInput, match="is damaged"):
            resume.read(tmp_path)
    path.write_bytes(good)
    assert resume.fingerprint(resume.read(tmp_path)) == resume.fingerprint(STATE)


def test_a_checkpoint_of_other_inputs_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    data = Dataset(rng.normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2, ("a", "b"))
    changed = data.inputs.copy()
    changed[7, 1] += 1
    settings = {"model": "mlp:widths=4", "epochs": 2, "out": tmp_path}
    nw.train(data, "ce", **settings)
    nw.train(data, "ce", **settings, resume=True)
    for other in (
        Dataset(changed, data.given, data.classes),
        Dataset(data.inputs, data.given, data.classes, test=data),
        Dataset(data.inputs, data.given, ("a", "c")),
    ):
        with pytest.raises(BadInput, match="another data set"):
            nw.train(other, "ce", **settings, resume=True)
