"""Embeddings that were computed before, by the content of the images."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from typing import Any

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

    def fill(self, keys: Sequence[bytes], embeddings: Any) -> np.ndarray:
        """Write those embeddings that are known into their rows.

        Args:
            keys: of n images; of equal ones all are filled.
            embeddings: (n, d), changed in place.

        Returns:
            (n,) bool, whether a row was known.
        """
        known = np.zeros(len(keys), dtype=bool)
        wanted: dict[bytes, list[int]] = {}
        for at, key in enumerate(keys):
            wanted.setdefault(key, []).append(at)
        for file in sorted(self.folder.glob("*.npz")) if wanted else ():
            try:
                with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
                    held = [row.tobytes() for row in archive["keys"]]
                    pairs = [(at, row) for row, key in enumerate(held) for at in wanted.get(key, ())]
                    if not pairs:
                        continue
                    rows = archive["embeddings"]
                    if rows.shape != (len(held), embeddings.shape[1]) or not np.isfinite(rows).all():
                        continue
            except _DAMAGED:
                continue
            places, sources = np.array(pairs).T
            embeddings[places], known[places] = rows[sources], True
        return known

    def write(self, keys: Sequence[bytes], embeddings: np.ndarray) -> None:
        """Add embeddings (m, d); a cache that cannot be written costs time, nothing else."""
        place = self.folder / f"{hashlib.blake2b(b''.join(keys), digest_size=16).hexdigest()}.npz"
        arrays = {"keys": np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1), "embeddings": embeddings}
        try:
            with whole(place) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        except (BadInput, OSError):
            pass
