"""What a batch has to do, and what it finds done."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stickers.batch.inputs import Entry, find_photos
from stickers.batch.job import Job, file_sha256
from stickers.batch.manifest import MANIFEST, Failure, Result, Status, read_manifest
from stickers.batch.names import comes_from, distinct_names
from stickers.batch.page import PAGE
from stickers.batch.places import UNFINISHED, Place, Sizes, place_of
from stickers.batch.recipe import Recipe
from stickers.errors import NotAnImage, UnknownValue

Stat = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch has to do, and what it finds done.

    Attributes:
        place: where packs, manifest and page go.
        names: of all photos, in the order of the inputs.
        jobs: what is to be made, in the same order.
        twins: name of a photo -> those with the same content, to be linked to its pack.
        done: name -> what an earlier run left and is not done again.
        others: files of folders that are no pictures and do not claim to be.
        noted: those that the manifest has.
        lines: how many the manifest had.
    """

    place: Place
    names: tuple[str, ...]
    jobs: tuple[Job, ...]
    twins: Mapping[str, tuple[Job, ...]]
    done: Mapping[str, Result]
    others: tuple[Result, ...]
    noted: frozenset[Path]
    lines: int

    @property
    def todo(self) -> int:
        """How many photos there are to do, twins included."""
        return len(self.jobs) + sum(map(len, self.twins.values()))


def plan_batch(
    inputs: Iterable[str | Path],
    out: str | Path,
    recipe: Recipe,
    *,
    changes: Mapping[str, str] | None = None,
    resume: bool = True,
    retry_failed: bool = False,
) -> Plan:
    """Find the photos, name their results, and see in the manifest what is done.

    Args:
        inputs: photos, folders, patterns, lists and tables; see `inputs.find_photos`.
        out: a folder, or a URL that fsspec knows; gets the packs and ``manifest.jsonl``.
        recipe: how packs are made; see `recipe.recipe_of`.
        changes: made to all avatars; a table's own come on top.
        resume: pass over photos that are as they were when they failed, or when their
            pack was made as it is to be made now, if all of its files are there and
            whole; otherwise all are done again, under the names that they had.
        retry_failed: do those that failed again.

    Raises:
        UnknownValue: no inputs, or a table that cannot be understood.
        CannotWrite: there is a manifest that may not be read.
        MissingExtra: a URL that needs a package.
    """
    place = place_of(out)
    found = find_photos(inputs)
    if not found:
        raise UnknownValue("no photos were given", hint="name photos, folders, lists or tables")
    lines = read_manifest(place)
    latest = {line.name: line for line in lines if line.name}
    jobs = _jobs(found, place, recipe, changes or {}, latest.values())
    first = _originals(jobs)
    done = _done(jobs, latest, first, place.sizes(), retry_failed) if resume else {}
    todo = [job for job in jobs if job.name not in done]
    twins: dict[str, tuple[Job, ...]] = {}
    for job in todo:
        if original := first.get(job.name):
            twins[original] = (*twins.get(original, ()), job)
    return Plan(
        place,
        tuple(job.name for job in jobs),
        tuple(job for job in todo if job.name not in first),
        twins,
        done,
        tuple(_other(e.photo) for e in found if not e.picture),
        frozenset(line.photo for line in lines if line.status is Status.SKIPPED),
        len(lines),
    )


def _jobs(
    found: Iterable[Entry],
    place: Place,
    recipe: Recipe,
    changes: Mapping[str, str],
    lines: Iterable[Result],
) -> list[Job]:
    """A job for each photo, under the name that it had or gets."""
    entries = [
        replace(e, changes=tuple(sorted({**changes, **dict(e.changes)}.items())))
        for e in found
        if e.picture
    ]
    return [
        Job(entry.photo, name, place, recipe, entry.changes, _stat(entry.photo))
        for entry, name in zip(entries, _names(entries, lines), strict=True)
    ]


def _names(entries: Sequence[Entry], lines: Iterable[Result]) -> list[str]:
    """A name for each entry: the one that it had in an earlier run, or a new one.

    One whose changes are others now keeps its name too, if no other entry has it.
    """
    wanted = [e.name or e.photo.stem for e in entries]
    known: list[str | None] = [None] * len(entries)
    unused = {line.name: line for line in lines}
    for as_before in (True, False):
        had: dict[Path, list[Result]] = defaultdict(list)
        for line in unused.values():
            had[line.photo].append(line)
        for i, entry in enumerate(entries):
            if known[i] is None:
                fits = (
                    line.name
                    for line in had[entry.photo]
                    if line.name in unused
                    and comes_from(line.name, wanted[i])
                    and (not as_before or line.changes == entry.changes)
                )
                if name := next(fits, None):
                    known[i] = unused.pop(name).name
    return distinct_names(wanted, known, (MANIFEST, PAGE, UNFINISHED, *unused))


def _stat(photo: Path) -> Stat:
    try:
        known = photo.stat()
    except (OSError, ValueError):
        return None
    return known.st_size, known.st_mtime_ns


def _originals(jobs: Sequence[Job]) -> dict[str, str]:
    """Name of each repeated photo -> that of the first with the same bytes and changes.

    Only photos of the same size are read for it.
    """
    alike: dict[tuple[object, ...], list[Job]] = defaultdict(list)
    for job in jobs:
        if job.stat is not None:
            alike[job.stat[0], job.changes].append(job)
    first: dict[str, str] = {}
    for group in alike.values():
        seen: dict[str, str] = {}
        for job in group if len(group) > 1 else ():
            content = file_sha256(job.photo)
            original = seen.setdefault(content, job.name)
            if content and original != job.name:
                first[job.name] = original
    return first


def _done(
    jobs: Iterable[Job],
    latest: Mapping[str, Result],
    first: Mapping[str, str],
    sizes: Sizes,
    retry_failed: bool,
) -> dict[str, Result]:
    """Name -> line of what need not be done again."""
    return {
        job.name: line
        for job in jobs
        if (line := latest.get(job.name))
        and line.same_as == first.get(job.name, "")
        and _stands(line, job, sizes, retry_failed)
    }


def _stands(line: Result, job: Job, sizes: Sizes, retry_failed: bool) -> bool:
    """Whether what the manifest says of a photo still holds."""
    if line.photo != job.photo or line.changes != job.changes:
        return False
    if line.recipe != job.recipe.fingerprint or not _unchanged(line, job):
        return False
    if not line.is_pack:
        return not retry_failed
    there = [sizes(path) for path in job.recipe.paths(job.name)]
    return None not in there and sum(filter(None, there)) == line.size


def _unchanged(line: Result, job: Job) -> bool:
    """Whether the photo is the one that the line is about."""
    if not line.sha256:  # it could not be read, or was never come to the end of
        return line.stat == job.stat and (
            line.error is None
            or line.error.code != "photo_not_found"
            or not os.access(job.photo, os.R_OK)
        )
    return line.stat == job.stat or line.sha256 == file_sha256(job.photo)


def _other(photo: Path) -> Result:
    error = NotAnImage(
        "this file of a folder is no picture", where=photo, hint="nothing, if it is not meant"
    )
    return Result(photo, "", Status.SKIPPED, error=Failure(error.code, str(error)))
