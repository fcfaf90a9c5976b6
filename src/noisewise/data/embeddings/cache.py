"""Embeddings that were computed before, by the content of the images."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence

import numpy as np

from noisewise.data.named.finder import cache_folder
from noisewise.errors import BadInput
from noisewise.files import digest, whole

_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


class Cache:
    """A folder of files, each with the keys and the embeddings of up to some thousand images.

    Every file has a checksum (that of the zip format); what is damaged is passed over, and computed again.

    Args:
        encoder: text that identifies the encoder; each has a folder of its own.
    """

    def __init__(self, encoder: str) -> None:
        self.folder = cache_folder() / "embeddings" / digest(encoder)

    def read(self, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        """The embeddings (d,) of those keys that are known."""
        wanted, found = set(keys), dict[bytes, np.ndarray]()
        for file in sorted(self.folder.glob("*.npz")) if wanted else ():
            try:
                with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
                    held = [row.tobytes() for row in archive["keys"]]
                    if wanted.isdisjoint(held):
                        continue
                    rows = archive["embeddings"]
                    if rows.ndim != 2 or len(rows) != len(held) or not np.isfinite(rows).all():
                        continue
            except _DAMAGED:
                continue
            found |= {key: row for key, row in zip(held, rows, strict=True) if key in wanted}
        return found

    def write(self, keys: Sequence[bytes], embeddings: np.ndarray) -> None:
        """Add embeddings (m, d); a cache that cannot be written costs time, nothing else."""
        place = self.folder / f"{hashlib.blake2b(b''.join(keys), digest_size=16).hexdigest()}.npz"
        arrays = {"keys": np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1), "embeddings": embeddings}
        try:
            with whole(place) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        except (BadInput, OSError):
            pass
