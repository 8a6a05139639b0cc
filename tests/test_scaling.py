"""The sums of docs/scaling.md follow from the figures that it states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOC = (Path(__file__).parents[1] / "docs" / "scaling.md").read_text(encoding="utf-8")
TEXT = " ".join(DOC.split())
CORES = 16


def figures(row: str) -> list[float]:
    """The figures of a row of a table."""
    (line,) = (line for line in DOC.splitlines() if line.startswith(f"| {row}"))
    return [float(cell.split()[0]) for cell in line.split("|")[2:4]]


def told(pattern: str) -> list[float]:
    """The figures in a sentence."""
    found = re.search(pattern, TEXT)
    assert found is not None, pattern
    return [float(figure.replace(",", "")) for figure in found.groups()]


def close(told: float, true: float) -> bool:
    """Whether a figure is rounded from another."""
    return told == pytest.approx(true, rel=0.05)


def test_a_core_makes_half_of_what_two_workers_made() -> None:
    for stated, two in zip(
        told(r"another busy one: ([\d.]+) and ([\d.]+) packs"),
        figures("packs a second, two workers"),
        strict=True,
    ):
        assert close(stated, two / 2)
    parts = zip(
        *(figures(f"of it: {part}") for part in ("decode", "compose", "raster", "write")),
        strict=True,
    )
    for unit, stages in zip(figures("one unit"), parts, strict=True):
        assert close(unit, sum(stages))


def test_the_hours_are_photos_by_rate() -> None:
    rates = told(r"another busy one: ([\d.]+) and ([\d.]+) packs")
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| (.+?) \| (.+?) \|$", DOC, flags=re.M)
    assert len(rows) == 8
    for photos, nodes, *times in rows:
        count, machines = (int(n.replace(",", "")) for n in (photos, nodes))
        for time, rate in zip(times, rates, strict=True):
            value, unit = time.replace(",", "").split()
            hours = float(value) / {"h": 1, "min": 60, "s": 3600}[unit]
            true = count / rate / CORES / machines / 3600
            finest = {"h": 1 if hours >= 10 else 0.1, "min": 1 / 60, "s": 1 / 3600}[unit]
            assert abs(hours - true) <= finest / 2


def test_what_a_million_costs_and_what_one_process_leads_follow() -> None:
    few, whole = told(r"another busy one: ([\d.]+) and ([\d.]+) packs")
    small, large = figures("bytes of a pack")
    hours, size = told(r"A million whole packs are (\d+) core-hours and ([\d.]+) TB")
    assert close(hours, 1e6 / whole / 3600) and close(size, large)
    hours, size = told(r"packs of three stickers are (\d+) core-hours and ([\d.]+) TB")
    assert close(hours, 1e6 / few / 3600) and close(size, small)
    at_url, at_home = told(r"spends ([\d.]+) ms of CPU .* and ([\d.]+) ms where whole packs")
    leads, cores, more = told(
        r"leads (\d+) photos a second, which is (\d+) cores .* or (\d+) cores"
    )
    assert close(leads, 1000 / at_url)
    assert close(cores, leads / few) and close(more, leads / whole)
    packs, cores = told(r"it leads (\d+) a second: (\d+) cores")
    assert close(packs, 1000 / at_home) and close(cores, packs / whole)
    alone, together, saved = told(
        r"takes the network ([\d.]+) ms alone and ([\d.]+) ms .* saves ([\d.]+)"
    )
    assert saved == pytest.approx(alone - together)
    seconds, core_hours = told(r"Recognition alone is ([\d.]+) s a photo: 100 million are ([\d,]+)")
    assert close(core_hours, 1e8 * seconds / 3600)
