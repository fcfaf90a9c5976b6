"""Rows: batches of one split of a data set on a device, kept there as a whole if it fits and streamed otherwise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from noisewise.data.augment import Augment
from noisewise.data.augment.operation import Box
from noisewise.data.dataset import Dataset, Inputs
from noisewise.data.normalise import Normalise, measure
from noisewise.devices import sent

__all__ = ["Normalise", "Rows"]

IN_FLIGHT = 4

# Positions and raw inputs of a batch, and on a GPU when they have been copied.
_Read: TypeAlias = tuple[Tensor, Tensor, "torch.cuda.Event | None"]


class Rows:
    """The n rows of one split, in batches on a device, without the truth.

    Inputs of at most `resident_limit` bytes are kept on the device as a whole; on the CPU an array is not copied.
    Larger inputs are read in a background thread, at most 4 batches ahead.

    Args:
        data: the split.
        device: device of the batches.
        augment: augmentation, applied by `prepare` if it receives a generator.
        strong: augmentation of a second kind of view, applied by `stronger`.
        normalise: statistics of the training split; by default those of this split.
        resident_limit: largest size of inputs kept on the device, in bytes.
        channels_last: whether image batches use the channels-last memory format.

    Attributes:
        given: (n,) int64 given labels, on the device.
        index: (n,) int64 index of the rows, on the device.
        weights: (n,) float32 weights of the rows with mean 1, on the device; None for all alike.
        normalise: statistics by which inputs are normalised.
        resident: whether the inputs are kept on the device as a whole.
        box: the values of black and white in normalised images, (C, 1, 1) each; None for vectors.
        augmented: whether `prepare` draws anything: without, two views of a row are equal.
        has_stronger: whether there is a second kind of view.
    """

    def __init__(
        self,
        data: Dataset,
        device: torch.device,
        *,
        augment: Augment | None = None,
        strong: Augment | None = None,
        normalise: Normalise | None = None,
        resident_limit: int = 2 << 30,
        channels_last: bool = True,
    ) -> None:
        self.device = device
        self.given = torch.tensor(data.given, device=device)
        self.index = torch.tensor(data.index, device=device)
        self.weights: Tensor | None = None
        if data.weights is not None:
            self.weights = torch.tensor(data.weights / data.weights.mean(dtype=np.float64), device=device).float()
        self.resident = int(np.prod(data.inputs.shape)) * data.inputs.dtype.itemsize <= resident_limit
        inputs = data.inputs[:] if self.resident else data.inputs
        self.normalise = normalise or measure(inputs, sampled=not self.resident)
        self._source = (_Resident if self.resident else _Streamed)(inputs, device)
        self._image, self._channels_last = data.kind == "image", channels_last
        self._augment, self._strong = augment, strong
        self.augmented, self.has_stronger = augment is not None, strong is not None
        shape = (-1, 1, 1) if self._image else (-1,)
        scale = 255.0 if inputs.dtype == np.uint8 else 1.0
        self._mean = (self.normalise.mean * scale).reshape(shape).to(device)
        self._inverse = (1 / (self.normalise.std * scale)).reshape(shape).to(device)
        self.box = self._box()

    def __len__(self) -> int:
        return len(self.given)

    def stream(
        self, order: Tensor, size: int, part: Callable[[int], slice] | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of rows in the given order.

        If the last batch would hold a single row, it is merged with the one before: batch normalisation cannot train
        on a single row.

        Args:
            order: (m,) positions of rows.
            size: rows per batch.
            part: from B to the rows of a batch whose inputs are wanted; None is all.

        Yields:
            Positions (B,) and raw inputs, (B, C, H, W) or (B, d), on the device.
        """
        for positions, raw in self._source.batches(order, size, part or _all):
            yield positions, self._arranged(raw) if self._image else raw

    def prepare(self, raw: Tensor, generator: torch.Generator | None) -> Tensor:
        """Raw inputs as float32, normalised, and augmented if a generator is given; the same shape as `raw`."""
        x = self._normalised(raw)
        return x if generator is None or self._augment is None else self._augment(x, generator, self.box)

    def stronger(self, raw: Tensor, generator: torch.Generator) -> Tensor:
        """Raw inputs as float32, normalised, and augmented by `strong`; the same shape as `raw`."""
        x = self._normalised(raw)
        return x if self._strong is None else self._strong(x, generator, self.box)

    def _normalised(self, raw: Tensor) -> Tensor:
        return (raw.to(torch.float32) - self._mean).mul_(self._inverse)

    def _box(self) -> Box | None:
        if not self._image:
            return None
        mean, std = (v.reshape(-1, 1, 1).to(self.device) for v in (self.normalise.mean, self.normalise.std))
        return -mean / std, (1 - mean) / std

    def _arranged(self, raw: Tensor) -> Tensor:
        raw = raw.permute(0, 3, 1, 2)
        return raw if self._channels_last else raw.contiguous()


class _Resident:
    """Rows kept on the device; a batch is one index operation."""

    def __init__(self, inputs: Inputs, device: torch.device) -> None:
        self.rows = _tensor(inputs[:]).to(device)

    def batches(self, order: Tensor, size: int, part: Callable[[int], slice]) -> Iterator[tuple[Tensor, Tensor]]:
        for positions in _cut(sent(order, self.rows.device), size):
            yield positions, self.rows.index_select(0, positions[part(len(positions))])


class _Streamed:
    """Rows read a few batches ahead; leaving the iteration early stops the reader.

    The reader also copies them to the device. On a GPU it does so in a stream of its own, while the device computes.
    """

    def __init__(self, inputs: Inputs, device: torch.device) -> None:
        self.inputs, self.device = inputs, device
        self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None

    def batches(self, order: Tensor, size: int, part: Callable[[int], slice]) -> Iterator[tuple[Tensor, Tensor]]:
        reader = ThreadPoolExecutor(1)
        ahead: deque[Future[_Read]] = deque()
        try:
            for positions in _cut(order.cpu(), size):
                ahead.append(reader.submit(self._read, positions, part(len(positions))))
                if len(ahead) == IN_FLIGHT:
                    yield self._arrived(ahead.popleft())
            while ahead:
                yield self._arrived(ahead.popleft())
        finally:
            reader.shutdown(cancel_futures=True)

    def _read(self, positions: Tensor, part: slice) -> _Read:
        rows = _tensor(self.inputs[positions[part].numpy()])
        if self._copies is None:
            return sent(positions, self.device), sent(rows, self.device), None
        with torch.cuda.stream(self._copies):
            return sent(positions, self.device), sent(rows, self.device), self._copies.record_event()

    def _arrived(self, batch: Future[_Read]) -> tuple[Tensor, Tensor]:
        positions, rows, copied = batch.result()
        if copied is not None:  # the device waits for the copies, and the host for nothing
            here = torch.cuda.current_stream(self.device)
            here.wait_event(copied)
            for tensor in (positions, rows):
                tensor.record_stream(here)
        return positions, rows


def _all(rows: int) -> slice:
    return slice(rows)


def _tensor(array: np.ndarray) -> Tensor:
    kind = np.uint8 if array.dtype == np.uint8 else np.float32
    return torch.from_numpy(np.require(array, kind, ["C", "W"]))


def _cut(order: Tensor, size: int) -> list[Tensor]:
    batches = list(order.split(size)) if len(order) else []
    if size > 1 and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches
