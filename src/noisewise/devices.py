"""What devices can do; numbers of the host on another device, without waiting for what it still has to do.

A copy waits for the device unless it is asynchronous and comes from pinned memory. Nothing in a training step may wait:
`tests/pretend_device.py` is a stand-in on which waiting raises.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

import torch
from torch import Tensor

# Of glibc's mallopt: what it is called there, what it is set to, and the variable by which a user sets it.
_KEEP = ((-1, 256 * 2**20, "MALLOC_TRIM_THRESHOLD_"), (-3, 32 * 2**20, "MALLOC_MMAP_THRESHOLD_"))


@cache
def keep_freed_memory() -> None:
    """Let this process keep up to 256 MiB that it has freed.

    By default glibc returns them to the system and gets them anew in every step, which can take a third of the time of
    a step of LeNet. Nothing is changed where the user has set a threshold, or the system has another library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None and not any(variable in os.environ for *_, variable in _KEEP):
        for parameter, size, _ in _KEEP:
            mallopt(parameter, size)


@cache
def multiplies_bf16() -> bool:
    """Whether this processor has instructions for products of bfloat16 (AVX-512 BF16 or AMX)."""
    has = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return torch.backends.mkldnn.is_available() and any(ask is not None and ask() for ask in has)


def sent(host: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device; the host goes on while it is copied. A tensor that is there is returned.

    Args:
        host: a tensor on the host, or already on the device.
        device: where it is wanted.
    """
    if host.device == device:
        return host
    if host.device.type == "cpu" and device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True)


def generator_on(device: torch.device, rng: torch.Generator) -> torch.Generator:
    """A generator for draws as large as a batch of inputs, which are drawn where they are used.

    Args:
        device: where the numbers are wanted.
        rng: on the device it is returned; otherwise one number of it seeds a new generator.
    """
    if rng.device == device:
        return rng
    return torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=rng, device=rng.device)))
