"""Photos for batches, good ones and bad, made from pictures that anybody may have.

    python tests/batch_album.py FOLDER --photos ../shared/ratings/faces --good 2000 --bad 100

fills a folder with a mixture, for a long run by hand.
"""

from __future__ import annotations

import argparse
import io
import shutil
import zlib
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from skimage.data import astronaut, coffee

ODD_NAMES = ("with spaces ", 'it\'s "quoted" ', "two\nlines ", "smile 🙂 ", "-dash ", "ünïcödé ")


def portrait() -> Image.Image:
    """The astronaut Eileen Collins, 240 x 240."""
    return Image.fromarray(astronaut()).crop((104, 0, 344, 240))


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def good_photos() -> Iterator[bytes]:
    """Photos of one person without end, no two the same bytes."""
    face = portrait()
    random = np.random.default_rng(7)
    while True:
        light, colour, turn = random.uniform((0.8, 0.6, -6), (1.2, 1.3, 6))
        picture = face.rotate(turn, Image.Resampling.BICUBIC, fillcolor=(120, 110, 105))
        picture = ImageEnhance.Brightness(picture).enhance(light)
        yield jpeg(ImageEnhance.Color(picture).enhance(colour))


def _huge() -> bytes:
    """A PNG whose head says 60000 x 60000; the rest is nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    side = (60_000).to_bytes(4, "big")
    head = chunk(b"IHDR", side + side + bytes((8, 2, 0, 0, 0)))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(99)))


def _no_face(number: int) -> bytes:
    return jpeg(Image.fromarray(coffee()[:, :, :]).resize((300 + number % 97, 200)))


BAD: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "text": ("not_an_image", lambda n: f"I am no photo, number {n}.\n".encode()),
    "empty": ("not_an_image", lambda n: b""),
    "cut": ("photo_damaged", lambda n: jpeg(portrait())[: 2000 + n]),
    "huge": ("photo_too_large", lambda n: _huge() + bytes(n)),
    "cup": ("no_face", _no_face),
    "tiny": ("bad_photo", lambda n: jpeg(Image.new("RGB", (8 + n % 20, 8)))),
    "locked": ("photo_not_found", lambda n: jpeg(portrait(), 50 + n % 40)),
}
"""Kind -> the error's code, and the bytes of the n-th."""


def bad_files(folder: Path, count: int) -> dict[Path, str]:
    """Write ``count`` files that cannot become stickers; gives path -> error code.

    The locked ones may not be read, except by root.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[Path, str] = {}
    names = zip(cycle(BAD.items()), cycle(ODD_NAMES), strict=False)
    for number, ((kind, (code, data)), odd) in enumerate(islice(names, count)):
        path = folder / f"{odd}{kind} {number}.jpg"
        path.write_bytes(data(number))
        if kind == "locked":
            path.chmod(0)
        made[path] = code
    return made


def good_files(folder: Path, count: int, photos: Path | None = None) -> list[Path]:
    """Write ``count`` photos: copies of those in ``photos``, or made-up ones."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    if photos is None:
        for number, data in enumerate(islice(good_photos(), count)):
            paths.append(folder / f"{number:04}.jpg")
            paths[-1].write_bytes(data)
    else:
        for source in sorted(photos.iterdir())[:count]:
            paths.append(folder / source.name)
            shutil.copyfile(source, paths[-1])
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, help="copy these; made-up ones if not given")
    parser.add_argument("--good", type=int, default=60)
    parser.add_argument("--bad", type=int, default=12)
    given = parser.parse_args()
    good = good_files(given.folder, given.good, given.photos)
    bad = bad_files(given.folder / "bad", given.bad)
    print(f"{len(good)} photos and {len(bad)} bad files in {given.folder}")


if __name__ == "__main__":
    main()
