"""What `stickers batch` makes a second, with one worker and with two, in one run.

    python benchmarks/batch.py

The unit is the sum of the stages' own times for one photo, one after another on one core:
a worker that lost nothing would make a pack in one unit. Rates leave out each worker's
first two photos, for which models and drawings are loaded. The same rows are printed for
whole packs and for a few stickers, and what it would save to send crops through the
network together. With --ray, also what a photo costs the process that leads a cluster.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import cv2
from PIL import Image
from rich.console import Console
from rich.table import Table

from stickers.batch import Recipe, plan_batch, recipe_of, run_batch
from stickers.batch.job import Job, make_pack
from stickers.batch.manifest import Result
from stickers.embed import embed_many, load_model
from stickers.face import find_face
from stickers.sample import sample_photo

FEW = ("sure", "lol", "nope")
WARM = 2
PACK = 11 * 10**6
TOGETHER = (1, 4, 16)


@dataclass(frozen=True)
class Rate:
    """Packs a second of all workers together; the largest worker's memory, MB."""

    packs: float
    memory: float


def album(folder: Path, count: int) -> None:
    """Photos of one person, 512 x 512, no two the same bytes."""
    face = Image.fromarray(sample_photo().pixels)
    folder.mkdir()
    for n in range(count):
        turned = face.rotate(n / 4, Image.Resampling.BICUBIC)
        turned.save(folder / f"{n:04}.jpg", quality=90)


def stages(photos: Path, recipe: Recipe) -> dict[str, float]:
    """Median ms of each stage on one core, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1, _one_core) as pool:
        return pool.apply(_stages, (photos, recipe))


def _one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _stages(photos: Path, recipe: Recipe) -> dict[str, float]:
    times: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as out:
        for n, job in enumerate(plan_batch([photos], out, recipe).jobs):
            result = make_pack(job)
            for stage, ms in result.ms.items() if n >= WARM else ():
                times[stage].append(ms)
    return {stage: median(ms) for stage, ms in times.items()}


def rate(photos: Path, recipe: Recipe, workers: int) -> Rate:
    """How fast a batch goes once its workers are warm."""
    with tempfile.TemporaryDirectory() as out:
        plan = plan_batch([photos], out, recipe)
        skipped, memory = WARM * workers, 0.0
        start = time.perf_counter()
        for n, _ in enumerate(run_batch(plan, workers=workers), 1):
            if n == skipped:
                start = time.perf_counter()
            memory = max(memory, *_peaks())
        seconds = time.perf_counter() - start
    return Rate((len(plan.jobs) - skipped) / seconds, memory)


def _peaks() -> Iterable[float]:
    """Peak resident memory of each worker so far, MB; where Linux tells it."""
    yield 0.0
    for child in multiprocessing.active_children():
        try:
            status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
        except OSError:
            continue
        yield int(status.split("VmHWM:")[1].split()[0]) / 1024


def together() -> dict[int, float]:
    """Crops sent through the network at once -> ms for each, on one core."""
    cv2.setNumThreads(1)
    model, face = load_model(), find_face(sample_photo())
    costs = {}
    for count in TOGETHER:
        faces = [face] * count
        embed_many(faces, model)
        start = time.perf_counter()
        for _ in range(64 // count):
            embed_many(faces, model)
        costs[count] = (time.perf_counter() - start) * 1000 / 64
    return costs


def _no_pack(job: Job) -> Result:
    """Work for Ray that costs nothing, as where nodes write to a URL."""
    return job.made("code", 1, "", {})


def _ample_pack(job: Job) -> Result:
    """Work for Ray that only carries home as many bytes as a whole pack has."""
    files = [(path, bytes(PACK // 124)) for path in recipe_of().paths(job.name)]
    return job.made("code", job.place.put(files), "", {})


def leading(count: int = 100) -> dict[str, float]:
    """CPU ms that a photo of 2 MB costs the process that leads a Ray cluster."""
    import ray

    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    costs = {}
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for n in range(count):
            (photos / f"{n}.jpg").write_bytes(bytes(2 * 10**6 + n))
        for what, out, work in (
            ("the nodes write to a URL", f"file://{folder}/far", _no_pack),
            ("whole packs come home", f"{folder}/near", _ample_pack),
        ):
            results = run_batch(plan_batch([photos], out, recipe_of()), engine="ray", work=work)
            next(results)
            start = time.process_time()
            done = sum(1 for _ in results)
            costs[what] = (time.process_time() - start) * 1000 / done
    ray.shutdown()
    return costs


def compare(console: Console, what: str, photos: Path, recipe: Recipe, rounds: int) -> None:
    """Print the stages, and the rates with one and two workers."""
    costs = stages(photos, recipe)
    unit = sum(costs.values()) / 1000
    told = ", ".join(f"{stage} {ms:.0f}" for stage, ms in costs.items())
    console.print(f"{what}: a unit is {unit:.3f} s ({told} ms)", highlight=False)
    rates: dict[int, list[Rate]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, seen in rates.items():
            seen.append(rate(photos, recipe, workers))
    table = Table("workers", "packs a second", "packs a unit", "MB a worker, at most")
    for workers, seen in rates.items():
        packs = mean(r.packs for r in seen)
        memory = max(r.memory for r in seen)
        table.add_row(str(workers), f"{packs:.2f}", f"{packs * unit:.2f}", f"{memory:.0f}")
    console.print(table)
    shares = [b.packs / (2 * a.packs) for a, b in zip(*rates.values(), strict=True)]
    each = ", ".join(f"{share:.2f}" for share in shares)
    console.print(f"two workers make {mean(shares):.2f} of twice one ({each})\n")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=40, help="photos that get a few stickers")
    parser.add_argument("--whole", type=int, default=14, help="photos that get whole packs")
    parser.add_argument("--rounds", type=int, default=2, help="batches of each kind")
    parser.add_argument("--ray", action="store_true", help="measure what leading costs, too")
    given = parser.parse_args()
    console = Console(width=100)
    for what, count, recipe in (
        (f"{len(FEW)} stickers, PNG", given.few, recipe_of(only=FEW, formats=["png"])),
        ("whole packs", given.whole, recipe_of()),
    ):
        with tempfile.TemporaryDirectory() as folder:
            album(Path(folder) / "photos", count)
            compare(console, what, Path(folder) / "photos", recipe, given.rounds)
    for count, ms in together().items():
        console.print(f"network, {count} crops at once: {ms:.1f} ms each")
    for what, ms in leading().items() if given.ray else ():
        console.print(f"leading a Ray cluster, where {what}: {ms:.1f} ms of CPU a photo")


if __name__ == "__main__":
    main()
