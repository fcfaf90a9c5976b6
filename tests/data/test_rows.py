import gc
import threading
import time

import numpy as np
import pytest
import torch

from noisewise.data import Augment, Rows
from noisewise.data.dataset import Dataset
from noisewise.data.normalise import measure

CPU = torch.device("cpu")
LIMITS = pytest.mark.parametrize("limit", [0, 2 << 30])


class Counted:
    """Lazy inputs that remember what was asked for."""

    def __init__(self, array):
        self.array, self.asked = array, []

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)

    def __len__(self):
        return len(self.array)

    def __getitem__(self, positions):
        self.asked.append(np.asarray(positions))
        return self.array[positions]


def lazy(data):
    return Dataset(Counted(data.inputs), data.given, data.classes, data.kind)


def everything(rows):
    return torch.cat([rows.prepare(raw, None) for _, raw in rows.stream(torch.arange(len(rows)), 7)])


def test_resident_arrays_are_not_copied(images):
    data = images()
    rows = Rows(data, CPU)
    before = next(rows.stream(torch.tensor([3]), 4))[1].clone()
    data.inputs[3] = 255 - data.inputs[3]
    after = next(rows.stream(torch.tensor([3]), 4))[1]
    assert torch.equal(after, 255 - before)


@LIMITS
def test_batches_in_order(make, limit):
    data = make(23)
    rows = Rows(data, CPU, resident_limit=limit)
    assert rows.resident == bool(limit)
    order = torch.randperm(23, generator=torch.Generator().manual_seed(0))
    batches = list(rows.stream(order, 5))
    assert [len(at) for at, _ in batches] == [5, 5, 5, 5, 3]
    assert torch.equal(torch.cat([at for at, _ in batches]), order)
    found = torch.cat([raw for _, raw in batches]).numpy()
    found = found.transpose(0, 2, 3, 1) if data.kind == "image" else found
    np.testing.assert_array_equal(found, data.inputs[order.numpy()])


@LIMITS
@pytest.mark.parametrize(
    "n, size, sizes", [(11, 5, [5, 6]), (10, 5, [5, 5]), (1, 5, [1]), (3, 1, [1, 1, 1]), (6, 5, [6]), (0, 5, [])]
)
def test_a_single_last_row_joins_the_batch_before(vectors, n, size, sizes, limit):
    rows = Rows(vectors(40), CPU, resident_limit=limit)
    assert [len(at) for at, _ in rows.stream(torch.arange(n), size)] == sizes


@pytest.mark.parametrize("last", [True, False])
def test_memory_format(images, last):
    rows = Rows(images(channels=3), CPU, channels_last=last)
    raw = next(rows.stream(torch.arange(8), 8))[1]
    x = rows.prepare(raw, None)
    assert raw.shape == x.shape == (8, 3, 6, 6)
    wanted = torch.channels_last if last else torch.contiguous_format
    assert raw.is_contiguous(memory_format=wanted)
    assert x.is_contiguous(memory_format=wanted)


@LIMITS
def test_images_have_mean_0_and_variance_1_per_channel(images, limit):
    x = everything(Rows(images(channels=3), CPU, resident_limit=limit)).double()
    assert x.mean((0, 2, 3)).abs().max() < 1e-6
    assert (x.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


def test_statistics_of_bytes_are_of_fractions(images):
    data = images(channels=3)
    fractions = data.inputs.reshape(-1, 3) / 255
    found = Rows(data, CPU).normalise
    np.testing.assert_allclose(found.mean, fractions.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.std, fractions.std(0), rtol=1e-6)


def test_statistics_of_many_blocks(monkeypatch):
    monkeypatch.setattr("noisewise.data.normalise._BLOCK_NUMBERS", 20)
    inputs = (1e6 + np.random.default_rng(0).standard_normal((101, 3))).astype(np.float32)
    found = measure(inputs)
    np.testing.assert_allclose(found.mean, inputs.astype(float).mean(0), rtol=1e-7)
    np.testing.assert_allclose(found.std, inputs.astype(float).std(0), rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, -3e7])
def test_constant_columns_become_0(value):
    inputs = np.random.default_rng(0).standard_normal((1001, 2)).astype(np.float32)
    inputs[:, 1] = value
    x = everything(Rows(Dataset(inputs, np.arange(1001) % 2, ("a", "b")), CPU))
    assert (x[:, 1] == 0).all()
    assert abs(float(x[:, 0].std()) - 1) < 1e-3


def test_other_splits_use_the_statistics_of_training(vectors):
    train, test = Rows(vectors(), CPU), vectors(seed=1)
    held = Rows(test, CPU, normalise=train.normalise)
    expected = (test.inputs - train.normalise.mean.numpy()) / train.normalise.std.numpy()
    np.testing.assert_allclose(everything(held), expected, rtol=1e-5, atol=1e-6)


def test_augmented_only_with_a_generator(images):
    rows = Rows(images(channels=3), CPU, augment=Augment("crop:2+flip"))
    raw = next(rows.stream(torch.arange(8), 8))[1]
    plain = rows.prepare(raw, None)
    views = [rows.prepare(raw, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    assert not torch.equal(views[0], plain)
    assert torch.equal(plain, rows.prepare(raw, None))


def test_vectors_are_augmented_by_noise_in_their_own_units(vectors):
    data = vectors(4000)
    scaled = Dataset(data.inputs * np.array([1, 10, 100], dtype=np.float32), data.given, data.classes)
    rows = Rows(scaled, CPU, augment=Augment("jitter:0.1"))
    raw = next(rows.stream(torch.arange(4000), 4000))[1]
    moved = rows.prepare(raw, torch.Generator().manual_seed(0)) - rows.prepare(raw, None)
    np.testing.assert_allclose(moved.std(0), 0.1, rtol=0.05)


def test_a_stronger_view(images):
    rows = Rows(images(channels=3), CPU, augment=Augment("flip"), strong=Augment("cutout:3"))
    raw = next(rows.stream(torch.arange(8), 8))[1]
    plain, strong = rows.prepare(raw, None), rows.stronger(raw, torch.Generator().manual_seed(0))
    changed = (strong != plain).any(dim=1)
    assert rows.has_stronger
    assert (strong[changed[:, None].expand_as(strong)] == 0).all()
    assert changed.flatten(1).any(dim=1).all()


def test_the_box_holds_black_and_white(images):
    data = images(channels=3)
    black, white = Rows(data, CPU).box
    ends = Dataset(
        np.array([0, 255], dtype=np.uint8)[:, None, None, None].repeat(3, 3), np.arange(2), ("a", "b"), "image"
    )
    found = everything(Rows(ends, CPU, normalise=Rows(data, CPU).normalise))
    torch.testing.assert_close(found[0], black)
    torch.testing.assert_close(found[1], white)


def test_labels_and_index(vectors):
    data = vectors(40).take([5, 3, 38])
    rows = Rows(data, CPU)
    assert rows.given.tolist() == data.given.tolist()
    assert rows.index.tolist() == [5, 3, 38]
    assert len(rows) == 3


def reachable(thing):
    """Everything that an object leads to through its attributes."""
    waiting, seen = [thing], {}
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen and not isinstance(thing, type):
            seen[id(thing)] = thing
            waiting += list(getattr(thing, "__dict__", {}).values())
    return list(seen.values())


@LIMITS
def test_rows_do_not_expose_the_truth(vectors, limit):
    data = vectors(40)
    noisy = data.with_labels((data.given + 1) % 4, {})
    found = reachable(Rows(noisy, CPU, resident_limit=limit))
    assert any(isinstance(thing, torch.Tensor) for thing in found)
    assert not any(isinstance(thing, Dataset) or thing is noisy.truth for thing in found)
    assert any(thing is noisy.truth for thing in reachable(noisy))


def wait_until(condition, seconds=60):
    """Wait for other threads, however slow the machine is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def test_at_most_four_batches_are_in_flight(images):
    data = lazy(images(100))
    rows = Rows(data, CPU, resident_limit=0)
    data.inputs.asked.clear()
    stream = rows.stream(torch.arange(100), 5)
    for taken in range(1, 8):
        next(stream)
        time.sleep(0.01)
        assert len(data.inputs.asked) <= taken + 3
    assert max(len(asked) for asked in data.inputs.asked) == 5
    stream.close()


def test_reading_goes_on_in_the_background(images):
    data = lazy(images(100))
    rows = Rows(data, CPU, resident_limit=0)
    data.inputs.asked.clear()
    stream = rows.stream(torch.arange(100), 5)
    next(stream)
    wait_until(lambda: len(data.inputs.asked) >= 4)
    time.sleep(0.05)
    assert len(data.inputs.asked) == 4
    stream.close()


def test_leaving_early_stops_the_reader(images):
    before = threading.active_count()
    rows = Rows(lazy(images(100)), CPU, resident_limit=0)
    stream = rows.stream(torch.arange(100), 5)
    next(stream)
    assert threading.active_count() > before
    del stream
    gc.collect()
    wait_until(lambda: threading.active_count() <= before)


def test_errors_of_the_reader_thread_are_raised(images):
    rows = Rows(lazy(images(20)), CPU, resident_limit=0)
    with pytest.raises(IndexError):
        list(rows.stream(torch.tensor([0, 25]), 2))


def test_small_lazy_inputs_become_resident(images):
    data = lazy(images(20))
    rows = Rows(data, CPU)
    assert rows.resident
    assert len(data.inputs.asked) == 1
    assert torch.equal(everything(rows), everything(Rows(images(20), CPU)))
    assert len(data.inputs.asked) == 1


def test_statistics_of_a_stream_read_at_most_10_000_rows(vectors):
    data = lazy(vectors(12_000, d=2))
    found = Rows(data, CPU, resident_limit=0).normalise
    read = np.concatenate(data.inputs.asked)
    assert len(read) == len(set(read)) == 10_000
    np.testing.assert_allclose(found.std, data.inputs.array.std(0), rtol=0.05)


def test_read_only_and_reversed_arrays(images):
    data = images(channels=3)
    frozen = data.inputs[::-1]
    frozen.flags.writeable = False
    rows = Rows(Dataset(frozen, data.given, data.classes, "image"), CPU)
    raw = next(rows.stream(torch.arange(3), 3))[1]
    np.testing.assert_array_equal(raw.permute(0, 2, 3, 1).numpy(), data.inputs[::-1][:3])
