"""What stickers cost once the road is walked: composed a second on one core, and their sizes.

    python benchmarks/packs.py

Whole packs of avatars made up at random are composed one after another in one process, as
`stickers batch` does in each worker. Parts are read and outlined once and kept; `--warm`
says how many other packs come first.
"""

from __future__ import annotations

import argparse
import time
from statistics import mean

from rich.console import Console

from stickers.avatar import random_avatar
from stickers.catalog import Catalog, load_catalog
from stickers.pack import Pack, draw
from stickers.raster import WEBP_LIMIT, rasterise, webp


def packs(catalog: Catalog, seeds: range) -> tuple[list[Pack], float]:
    """The packs of random avatars, and the seconds of CPU that composing them took."""
    people = [random_avatar(seed, catalog.style) for seed in seeds]
    start = time.process_time()
    drawn = [draw(who, catalog) for who in people]
    return drawn, time.process_time() - start


def rate(drawn: list[Pack], seconds: float) -> str:
    """How many stickers, portraits included, were composed a second."""
    count = sum(len(pack.stickers) + 1 for pack in drawn)
    return (
        f"{count / seconds:.0f} a second ({1000 * seconds / count:.1f} ms each, {count} composed)"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=int, default=20, help="packs that are measured")
    parser.add_argument("--warm", type=int, default=200, help="packs composed before")
    given = parser.parse_args()
    console = Console(width=100, highlight=False)
    catalog = load_catalog("sly")
    console.print("first packs:", rate(*packs(catalog, range(given.packs))))
    packs(catalog, range(1000, 1000 + given.warm))
    new, seconds = packs(catalog, range(2000, 2000 + given.packs))
    console.print("packs of new people:", rate(new, seconds))
    console.print("the same people again:", rate(*packs(catalog, range(2000, 2000 + given.packs))))
    svgs = [len(s.svg.encode()) for pack in new for s in pack.stickers]
    webps = [len(webp(rasterise(s.svg))) for pack in new for s in pack.stickers]
    console.print(f"SVG: {mean(svgs) / 1000:.0f} kB on average, {max(svgs) / 1000:.0f} at most")
    console.print(
        f"WebP at 512 px: {mean(webps) / 1000:.0f} kB on average, {max(webps) / 1000:.0f} at most"
        f" (a messenger takes {WEBP_LIMIT / 1000:.0f})"
    )


if __name__ == "__main__":
    main()
