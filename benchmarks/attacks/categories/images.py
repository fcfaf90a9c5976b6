"""Category 2a, pictures: names, contents and sizes that folders of pictures should not have."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..case import ENDS, MIB, Case, Outcome, nothing
from ..made import QUICK, all_of, photos, write

MARK = "ghostscript-ran"


def cases() -> Iterator[Case]:
    """All of them."""
    for name, make, codes in NAMES:
        yield from _of_folder(name, make, codes)
    for name, content in CONTENTS.items():
        yield from _of_folder(
            f"{name} called .png", all_of(photos, lambda content=content: write("p/cat/9.png", content())), (2,)
        )
        yield from _of_folder(
            f"{name} called .png, left out",
            all_of(photos, lambda content=content: write("p/cat/9.png", content())),
            ENDS,
            "--skip-broken",
        )
    for name in ("AVIF", "DDS", "TIFF", "ICO", "PCX", "SGI", "TGA", "JPEG2000", "WEBP", "PPM", "SPIDER", "IM", "EPS"):
        yield from _of_folder(f"a {name} called .png", all_of(photos, lambda name=name: _format(name)), ENDS)
    for kind in ("P", "1", "L", "LA", "I;16", "F", "CMYK", "RGBA", "YCbCr", "LAB"):
        yield from _of_folder(f"pictures of mode {kind}", lambda kind=kind: _modes(kind), ENDS)
    for name, content in BOMBS.items():
        before = all_of(photos, lambda content=content: write("p/cat/9.png", content()))
        yield from _of_folder(name, before, ENDS, memory=1024 * MIB)


def _of_folder(
    name: str,
    before: Callable[[], object],
    codes: tuple[int, ...],
    *options: str,
    memory: int = 3072 * MIB,
) -> Iterator[Case]:
    """Two attacks by one folder. A false Ghostscript stands first in the PATH."""
    for command, last in (("corrupt", ["symmetric:0.4"]), ("audit", QUICK)):
        to = "out.npz" if command == "corrupt" else "out"
        yield Case(
            "2a",
            f"folder: {name}, {command}",
            [command, "p", *last, *options, "--out", to],
            all_of(before, _false_ghostscript),
            codes,
            _no_ghostscript,
            memory=memory,
            inside=_first_in_path,
        )


def _false_ghostscript() -> None:
    os.mkdir("bin")
    write("bin/gs", f"#!/bin/sh\ntouch {os.getcwd()}/{MARK}\nexit 1\n")
    os.chmod("bin/gs", stat.S_IRWXU)


def _first_in_path() -> None:
    os.environ["PATH"] = f"{os.getcwd()}/bin:{os.environ['PATH']}"


def _no_ghostscript(outcome: Outcome) -> str:
    return "Ghostscript was started" if Path(MARK).exists() else ""


def _renamed(old: str, new: bytes | str) -> Callable[[], None]:
    return all_of(photos, lambda: os.rename(old, new))


def _link(target: str, path: str) -> Callable[[], None]:
    return all_of(photos, lambda: os.symlink(target, path))


def _deep() -> None:
    photos()
    path = Path("p/cat")
    for _ in range(200):
        path = path / "x"
    path.mkdir(parents=True)
    os.rename("p/cat/0.png", path / "0.png")


def _other_sizes() -> None:
    photos()
    for number, size in enumerate(((1, 1), (1, 500), (500, 1), (3, 7))):
        Image.new("RGB", size).save(f"p/dog/odd{number}.png")


def _many_classes() -> None:
    photos(each=1, classes=[f"c{number}" for number in range(300)], side=4)


NAMES: list[tuple[str, Callable[[], object], tuple[int, ...]]] = [
    ("a Latin-1 name of a picture", _renamed("p/cat/0.png", b"p/cat/\xe9.png"), (0,)),
    ("a Latin-1 name of a class", _renamed("p/cat", b"p/k\xe4tzchen"), (0,)),
    ("a name with a line break", _renamed("p/cat/0.png", "p/cat/a\nb.png"), (0,)),
    ("a class with a line break", _renamed("p/cat", "p/a\nb"), (0,)),
    ("a class with escape sequences", _renamed("p/cat", "p/\x1b[31mred\x1b]0;x\x07"), (0,)),
    ("a class with quotes and commas", _renamed("p/cat", "p/a,\"b';="), (0,)),
    ("a class called ..x", _renamed("p/cat", "p/..x"), ENDS),
    ("a class called -rf", _renamed("p/cat", "p/-rf"), (0,)),
    ("a class of 255 bytes", _renamed("p/cat", "p/" + "x" * 255), (0,)),
    ("a hidden class", _renamed("p/cat", "p/.cat"), ENDS),
    ("a picture that is a named pipe", all_of(photos, lambda: os.mkfifo("p/cat/x.png")), ENDS),
    ("a picture that is a folder", all_of(photos, lambda: os.mkdir("p/cat/x.png")), ENDS),
    ("a picture that is a link to nothing", _link("nowhere", "p/cat/x.png"), ENDS),
    ("a picture that is a link to itself", _link("x.png", "p/cat/x.png"), ENDS),
    ("a picture that is a link to a device", _link("/dev/zero", "p/cat/x.png"), ENDS),
    ("a link to the folder above", _link("..", "p/cat/up"), ENDS),
    ("a class that is a link to the folder above", _link("..", "p/up"), ENDS),
    ("pictures 200 folders deep", _deep, ENDS),
    ("an empty class", all_of(photos, lambda: os.mkdir("p/none")), ENDS),
    ("one class", lambda: photos(classes=["cat"]), ENDS),
    ("no class", lambda: photos("p/x", classes=["."]), ENDS),
    ("classes that differ in case", lambda: photos(classes=["cat", "Cat", "CAT"]), (0,)),
    ("300 classes of one picture", _many_classes, ENDS),
    ("pictures of odd sizes", _other_sizes, ENDS),
    ("a file that is no picture beside", all_of(photos, lambda: write("p/cat/Thumbs.db", b"x")), (0,)),
    ("a table beside the classes", all_of(photos, lambda: write("p/notes.csv", b"a,b\n")), ENDS),
]


def _png(width: int, height: int, data: bytes | None = None) -> bytes:
    """A grey picture; `data` None is the smallest that unpacks to all its pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    if data is None:
        packer, pieces = zlib.compressobj(9), []
        for _ in range(height):
            pieces.append(packer.compress(bytes(width + 1)))
        data = b"".join(pieces) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _good() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


CONTENTS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n%%EOF\n",
    "PostScript in a DOS head": lambda: (
        struct.pack("<4I", 0xC6D3D0C5, 30, 200, 0)
        + bytes(14)
        + b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n" * 5
    ),
    "PDF": lambda: b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n",
    "SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "HTML": lambda: b"<html><img src=x onerror=alert(1)></html>",
    "a cut PNG": lambda: _good()[:60],
    "a PNG without pixels": lambda: _png(0, 0, b""),
    "a PNG with a damaged sum": lambda: _good()[:-30] + bytes(30),
    "a PNG of random bytes": lambda: _good()[:40] + np.random.default_rng(2).bytes(400),
    "a PNG that says 2**31 pixels a side": lambda: _png(2**31 - 1, 2**31 - 1, zlib.compress(b"x")),
    "a zip": lambda: b"PK\x03\x04" + bytes(100),
}
BOMBS: dict[str, Callable[[], bytes]] = {
    "a bomb of 9,000 x 9,000": lambda: _png(9_000, 9_000),
    "a bomb of 30,000 x 30,000": lambda: _png(30_000, 30_000),
    "a bomb of 60,000 x 2": lambda: _png(60_000, 2),
    "a bomb of text": lambda: _good()[:33] + _text_chunk() + _good()[33:],
}


def _text_chunk() -> bytes:
    content = b"key\0\0" + zlib.compress(bytes(200_000_000))
    return struct.pack(">I", len(content)) + b"zTXt" + content + struct.pack(">I", zlib.crc32(b"zTXt" + content))


def _format(name: str) -> None:
    """A good picture of another format under the name of a PNG."""
    picture = Image.fromarray(np.random.default_rng(3).integers(0, 256, (16, 16, 3), np.uint8))
    if name == "SPIDER":
        picture = picture.convert("F")
    with open("p/cat/9.png", "wb") as file:
        picture.save(file, name)


def _modes(kind: str) -> None:
    photos()
    draw = np.random.default_rng(4)
    for folder in ("cat", "dog"):
        for number in range(6):
            if kind == "I;16":
                picture = Image.fromarray(draw.integers(0, 65536, (8, 8)).astype(np.uint16))
            else:
                picture = Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).convert(_via(kind)).convert(kind)
            ending = ".tiff" if kind in ("F", "CMYK", "YCbCr", "LAB") else ".png"
            Path(f"p/{folder}/{number}.png").unlink()
            try:
                picture.save(f"p/{folder}/{number}{ending}")
            except (OSError, KeyError):
                nothing()


def _via(kind: str) -> str:
    return {"1": "L", "LA": "RGBA", "F": "L"}.get(kind, "RGB")
