"""Search for named data sets: folders in a fixed order, then a download with a checksum."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noisewise.doors import place
from noisewise.errors import BadInput
from noisewise.files import whole

VARIABLE = "NOISEWISE_DATA"
SYSTEM = (Path("/usr/share/datasets"), Path("/usr/local/share/datasets"))


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Attributes:
        url: address of the file.
        md5: its checksum.
        place: its path in the cache, such as "mnist/train-images-idx3-ubyte.gz".
    """

    url: str
    md5: str
    place: str


@dataclass(frozen=True)
class Finder:
    """Searches folders for named data sets, and downloads them if allowed.

    Attributes:
        folders: folders to search, in order. The last one is the cache of downloads and decoded images.
        download: whether data that is not found may be downloaded.
    """

    folders: tuple[Path, ...]
    download: bool = True

    @classmethod
    def standard(cls, data_dir: str | Path | None = None, download: bool = True) -> Finder:
        """Search `data_dir`, the folders in the variable NOISEWISE_DATA, the system's data folders, and the cache.

        Raises:
            BadInput: `data_dir` is not a folder.
        """
        named = [] if data_dir is None else [place(data_dir)]
        if named and not named[0].is_dir():
            raise BadInput(f"data_dir={str(data_dir)!r} is not a folder")
        listed = [Path(entry).expanduser() for entry in os.environ.get(VARIABLE, "").split(os.pathsep) if entry]
        return cls((*named, *listed, *SYSTEM, cache_folder()), download)

    @property
    def cache(self) -> Path:
        """The folder for downloads and decoded images."""
        return self.folders[-1]

    def find(self, *places: str) -> Path | None:
        """The first of the relative paths `places` in the first folder that contains one; None if there is none."""
        candidates = (folder / place for folder in self.folders for place in places)
        return next((path for path in candidates if path.exists()), None)

    def need(self, source: str, places: Sequence[str], remotes: Sequence[Remote] = ()) -> Path:
        """The first of the relative paths `places` that exists; else downloads all `remotes` and returns the last.

        Raises:
            BadInput: nothing was found, and it cannot or must not be downloaded.
        """
        found = self.find(*places)
        if found is not None:
            return found
        if not remotes or not self.download:
            why = "downloading it was not allowed" if remotes else "it cannot be downloaded from here"
            raise BadInput(self._missing(source, places, why))
        try:
            return [self._fetch(remote) for remote in remotes][-1]
        except (OSError, ValueError) as error:
            raise BadInput(self._missing(source, places, f"downloading it failed ({error})")) from error

    def _missing(self, source: str, places: Sequence[str], why: str) -> str:
        folders = ", ".join(map(str, self.folders))
        return f"{source} was not found: {' or '.join(places)} is not in the folders {folders}, and {why}"

    def _fetch(self, remote: Remote) -> Path:
        import pooch

        place = self.cache / remote.place
        place.parent.mkdir(parents=True, exist_ok=True)
        return Path(pooch.retrieve(remote.url, f"md5:{remote.md5}", fname=place.name, path=place.parent))

    def decoded(self, path: Path, decode: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The result of `decode` for the file at `path`, cached as long as the file does not change."""
        stat = path.stat()
        place = self.cache / "decoded" / f"{path.stem}-{stat.st_size}-{stat.st_mtime_ns}.npz"
        if place.is_file():
            with np.load(place, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        arrays = decode()
        try:
            with whole(place) as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        except BadInput:
            pass  # a cache that cannot be written costs time, not the data
        return arrays


def cache_folder() -> Path:
    """The user's cache folder for noisewise, by the conventions of the platform."""
    import pooch

    return Path(pooch.os_cache("noisewise"))
