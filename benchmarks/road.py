"""What each stage of the road costs, in one run on one photo.

    python benchmarks/road.py

The unit is mediapipe's face mesh alone on the same photo, so that figures from
different machines can be compared.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from stickers.attributes import read_attributes
from stickers.avatar import avatar_of, random_avatar
from stickers.catalog import load_catalog
from stickers.compose import compose
from stickers.embed import embed
from stickers.face import find_face
from stickers.pack import draw
from stickers.raster import png, rasterise, webp
from stickers.sample import sample_photo

ROUNDS = 15
AVATARS = 5


def milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median wall time of ``work`` in ms, after one round to warm up."""
    work()
    times: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times) * 1000


def mesh_alone() -> Callable[[], object]:
    """mediapipe's face mesh with irises, as it comes, on the sample photo."""
    import mediapipe

    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
    pixels = sample_photo().pixels
    return lambda: mesh.process(pixels)


def cold(*command: str) -> float:
    """Wall time of a fresh process in ms, the best of three."""
    times: list[float] = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "stickers", *command], check=True, capture_output=True
        )
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def stages() -> dict[str, float]:
    """Milliseconds of each stage."""
    catalog = load_catalog("sly")
    photo = sample_photo()
    face = find_face(photo)
    embedding = embed(face)
    attributes = read_attributes(embedding)
    avatar = avatar_of(attributes, catalog.style)
    sticker = compose(avatar, catalog, "sure")
    picture = rasterise(sticker.svg)
    return {
        "face mesh alone (the unit)": milliseconds(mesh_alone()),
        "face: find, level, cut out": milliseconds(lambda: find_face(photo)),
        "embed: frozen CNN and heads": milliseconds(lambda: embed(face)),
        "attributes": milliseconds(lambda: read_attributes(embedding)),
        "avatar": milliseconds(lambda: avatar_of(attributes, catalog.style)),
        "compose one sticker to SVG": milliseconds(lambda: compose(avatar, catalog, "sure")),
        "raster one sticker, 512 px": milliseconds(lambda: rasterise(sticker.svg)),
        "png": milliseconds(lambda: png(picture)),
        "webp": milliseconds(lambda: webp(picture)),
    }


def stickers_per_second() -> float:
    """Stickers composed and rasterised at 512 px per second, over random avatars."""
    catalog = load_catalog("sly")
    count = 0
    start = time.perf_counter()
    for seed in range(AVATARS):
        for sticker in draw(random_avatar(seed, catalog.style), catalog).stickers:
            rasterise(sticker.svg)
            count += 1
    return count / (time.perf_counter() - start)


def main() -> None:
    """Print the tables."""
    console = Console(width=100)
    table = Table(
        "stage", "ms", "of a face mesh", title="one photo, 512 x 512", title_justify="left"
    )
    costs = stages()
    unit = next(iter(costs.values()))
    for stage, ms in costs.items():
        table.add_row(stage, f"{ms:.1f}", f"{ms / unit:.2f}")
    console.print(table)
    console.print(f"stickers composed and rasterised: {stickers_per_second():.1f} per second")
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out")
        console.print(f"cold start of stickers --help: {cold('--help'):.0f} ms")
        console.print(
            f"cold start of stickers make, whole pack: {cold('make', '--sample', '-o', out):.0f} ms"
        )


if __name__ == "__main__":
    main()
