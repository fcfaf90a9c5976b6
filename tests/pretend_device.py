"""A device that is not there: its tensors are on the host, and what the host would have to wait for is noticed.

On a GPU the host runs ahead of the device until it asks for a value, copies from the device, or copies to it and does
not say that it need not wait. `PretendDevice` is a mode in which tensors of `DEVICE` keep their numbers on the host and
compute as tensors of the host do: a training on it ends where it does on the CPU. It raises where a program mixes
tensors of both places, or draws from a generator of the host on the device, as a GPU would. Within `no_waits` it also
raises where the host would wait.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from noisewise.training.batch import Batch
from noisewise.training.config import Config
from noisewise.training.streams import Streams

# Tensors of "meta" are differentiated in the thread that asks, without a driver.
DEVICE = torch.device("meta")

# Operations whose kernels wait for the device to know a size or to report an error.
WAITS = (
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "nonzero",
    "masked_select",
    "unique",
    "_unique",
    "equal",
    "bincount",
    "histc",
    "multinomial",
    "repeat_interleave",
    "_linalg_check_errors",
    "_linalg_eigh",
    "_linalg_svd",
)
COPIES = ("_to_copy", "copy_", "copy")
CONSTANTS = (torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor)


class Waits(AssertionError):
    """The host would wait for the device."""


class Remote(Tensor):
    """A tensor of the device; its numbers are `host`, a tensor of the host."""

    host: Tensor

    @staticmethod
    def __new__(cls, host: Tensor) -> Remote:
        made: Remote = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            host.size(),
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=DEVICE,
        )
        made.host = host
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Remote({self.host!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} of a tensor of the device outside PretendDevice")


class _Constants(TorchFunctionMode):
    """`torch.tensor(value, device=...)` makes a tensor on the host and copies it, which waits."""

    def __init__(self, device: PretendDevice) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func not in CONSTANTS:
            return func(*args, **kwargs)
        value = args[1] if func is Tensor.new_tensor else args[0]
        if isinstance(value, Remote):
            return func(*args, **kwargs)
        where = kwargs.pop("device", args[0].device if func is Tensor.new_tensor else None)
        if where is None or torch.device(where) != DEVICE:
            return func(*args, **kwargs) if where is None else func(*args, **kwargs, device=where)
        self.device.waits(f"{func.__name__} copies a constant to the device")
        if func is Tensor.new_tensor:
            return Remote(torch.tensor(value, dtype=kwargs.get("dtype", args[0].dtype)))
        return Remote(func(*args, **kwargs))


class PretendDevice(TorchDispatchMode):
    """Within it there are tensors of `DEVICE`; see the module."""

    def __init__(self) -> None:
        super().__init__()
        self.strict = False
        self.generators: dict[int, torch.Generator] = {}
        self._entered = contextlib.ExitStack()

    def __enter__(self) -> PretendDevice:
        # Generators of the device can be made, optimisers have kernels on it, and trainings run on it.
        self._entered.enter_context(patch("torch.Generator", _generators(self)))
        fused = "torch.optim.optimizer._get_fused_kernels_supported_devices"
        self._entered.enter_context(patch(fused, lambda: [DEVICE.type, "cpu"]))
        self._entered.enter_context(patch.object(Config, "torch_device", DEVICE))
        self._entered.enter_context(patch("torch.autocast", lambda *args, **kwargs: contextlib.nullcontext()))
        self._entered.enter_context(_Constants(self))
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._entered.close()

    def steps_do_not_wait(self) -> Any:
        """Within the returned block nothing waits from the first to the last batch of any epoch."""
        original = Streams.epoch

        def epoch(streams: Streams, rng: torch.Generator) -> Iterator[Batch]:
            with self.no_waits():
                yield from original(streams, rng)

        return patch.object(Streams, "epoch", epoch)

    @contextlib.contextmanager
    def no_waits(self) -> Iterator[None]:
        """Within the block everything raises that would wait for the device."""
        before, self.strict = self.strict, True
        try:
            yield
        finally:
            self.strict = before

    def waits(self, what: str) -> None:
        """Raise, where nothing may wait.

        Args:
            what: waits.
        """
        if self.strict:
            raise Waits(f"{what}, for which the host waits")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        values, spec = tree_flatten((args, kwargs or {}))
        known = {id(value.host): value for value in values if isinstance(value, Remote)}
        name, where = func.overloadpacket.__name__, (kwargs or {}).get("device")
        here = bool(known) if where is None else torch.device(where) == DEVICE
        if known or here:
            self._check(name, func, values, args, kwargs or {}, here)
        lower = [_lower(value) for value in values]
        lowered, options = tree_unflatten(lower, spec)
        found = func(*lowered, **options)
        if not here:
            return found
        return tree_map_only(Tensor, lambda value: known[id(value)] if id(value) in known else Remote(value), found)

    def _check(self, name: str, func: Any, values: list[Any], args: Any, kwargs: Any, here: bool) -> None:
        host = [v for v in values if isinstance(v, Tensor) and not isinstance(v, Remote) and v.ndim]
        remote = [v for v in values if isinstance(v, Remote)]
        if name in COPIES:
            crosses = bool(host and here) or bool(remote and not here) or bool(host and remote)
            late = kwargs.get("non_blocking") or (name == "copy_" and len(args) > 2 and args[2])
            to_host = bool(remote) and (not here or not isinstance(args[0], Remote))
            if crosses and (to_host or not late):
                self.waits(f"a copy {'from' if to_host else 'to'} the device")
            return
        if host and remote:
            if name not in ("index", "index_put", "index_put_", "_index_put_impl_"):
                raise AssertionError(f"{func} mixes tensors of the host and of the device")
            self.waits(f"{func} with an index on the host")
        if name.startswith(WAITS) and remote:
            self.waits(str(func))
        if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
            flags = [v for v in args[1] if v is not None and v.dtype in (torch.bool, torch.uint8)]
            if flags:
                self.waits(f"{func} by a mask")
        if any(isinstance(v, _Generator) and v._cdata not in self.generators for v in values):
            raise AssertionError(f"{func} draws on the device from a generator of the host")


_Generator = torch.Generator


def _generators(device: PretendDevice) -> type[torch.Generator]:
    """A class in place of `torch.Generator` that makes generators of the device too."""

    class Generator(_Generator):
        def __new__(cls, where: torch.device | str = "cpu") -> Generator:
            made = super().__new__(cls)
            if torch.device(where) == DEVICE:
                device.generators[made._cdata] = made
            return made

    return Generator


def _lower(value: Any) -> Any:
    if isinstance(value, Remote):
        return value.host
    return torch.device("cpu") if isinstance(value, torch.device) and value == DEVICE else value
