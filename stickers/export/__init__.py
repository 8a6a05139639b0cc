"""Packs in messengers' own formats: pictures, manifests and a note on how to send them."""

from __future__ import annotations

import hashlib
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from PIL import Image

from stickers.document import SIDE
from stickers.errors import BadStyle, InputError, UnknownValue
from stickers.export.manifests import Entry, Files, Part
from stickers.export.targets import TARGETS, Frame, Target, find_target
from stickers.output import staged
from stickers.pack import Pack, Progress, unwatched
from stickers.raster import png, rasterise, webp
from stickers.records import Sticker

Draw = Callable[[str, int, int, int | None], bytes]
"""SVG, width, height, margin (as in `targets.Frame`) -> PNG."""


def export(
    pack: Pack,
    targets: Iterable[str],
    folder: Path,
    *,
    author: str,
    title: str,
    progress: Progress = unwatched,
) -> tuple[Path, ...]:
    """Write ``pack`` as each of ``targets`` wants it, into ``folder/<target>/``.

    A pack that is too long for a messenger becomes several. The same pack, author and
    title always give the same bytes. All files appear at once, or none.

    Args:
        pack: its portrait becomes the icons.
        targets: names of `TARGETS`.
        folder: made if need be.
        author: who made the stickers.
        title: the pack's name.
        progress: told "<target> <sticker>" for each sticker written.

    Returns:
        The files, sorted.

    Raises:
        UnknownValue: no such messenger, or none named.
        InputError: too few stickers, or an author or title that a messenger refuses.
        BadStyle: a drawing whose file would be larger than a messenger takes.
        CannotWrite: the folder refuses us.
    """
    folder = Path(folder)
    with staged(folder) as stage:
        files = export_files(pack, targets, author=author, title=title, progress=progress)
        for path, data in files.items():
            (stage / path).parent.mkdir(parents=True, exist_ok=True)
            (stage / path).write_bytes(data)
    return tuple(sorted(folder / path for path in files))


def export_files(
    pack: Pack,
    targets: Iterable[str],
    *,
    author: str,
    title: str,
    progress: Progress = unwatched,
) -> Files:
    """Path -> content of everything that `export` writes; as there."""
    chosen = [find_target(name) for name in dict.fromkeys(targets)]
    if not chosen:
        raise UnknownValue("no messenger is named", hint=f"use some of {', '.join(TARGETS)}")
    author, title = _worded("author", author), _worded("title", title)
    for target in chosen:
        _check(target, len(pack.stickers), author, title)
    draw = cache(_png)  # several messengers want the same picture
    files: Files = {}
    for target in chosen:
        made = _files(target, pack, author, title, draw, progress)
        files |= {f"{target.name}/{path}": data for path, data in made.items()}
    return files


def _worded(what: str, text: str) -> str:
    """``text`` on one line; raises InputError if nothing is left."""
    unwritable = ("Cc", "Cs")  # control characters, halves of a surrogate pair
    words = "".join(" " if unicodedata.category(c) in unwritable else c for c in text).split()
    if not words:
        raise InputError(f"the {what} is empty", hint="messengers show it, so it needs a text")
    return " ".join(words)


def _check(target: Target, count: int, author: str, title: str) -> None:
    if count < target.counts[0]:
        raise InputError(
            f"{target.label} takes packs of {target.counts[0]} stickers or more, not {count}",
            hint="export more stickers, or for another messenger",
        )
    last = _titles(title, len(_shares(count, target.counts)))[-1]
    for what, text, limit in (
        ("title", last, target.longest_title),
        ("author", author, target.longest_author),
    ):
        if len(text) > limit:
            raise InputError(
                f"the {what} has {len(text)} characters, {target.label} takes {limit}",
                hint=f"shorten the {what}",
            )


def _shares(count: int, counts: Sequence[int]) -> list[range]:
    """Which of ``count`` stickers go into each pack: as few packs as hold them, and even ones.

    Where no even packs are allowed, each is as large as can be, and what is too few for
    another one is left out.
    """
    packs = -(-count // counts[-1])
    edges = [i * count // packs for i in range(packs + 1)]
    if all(end - start in counts for start, end in pairwise(edges)):
        return [range(start, end) for start, end in pairwise(edges)]
    shares: list[range] = []
    start = 0
    while count - start >= counts[0]:
        end = start + max(n for n in counts if n <= count - start)
        shares.append(range(start, end))
        start = end
    return shares


def _titles(title: str, count: int) -> list[str]:
    """The title of each of ``count`` packs."""
    return [title] if count == 1 else [f"{title} {i + 1}" for i in range(count)]


def _files(
    target: Target, pack: Pack, author: str, title: str, draw: Draw, progress: Progress
) -> Files:
    shares = _shares(len(pack.stickers), target.counts)
    titles = _titles(title, len(shares))
    several = len(shares) > 1
    mark = hashlib.sha256(f"{pack.avatar.code()} {title}".encode()).hexdigest()[:8]
    files: Files = {}
    parts: list[Part] = []
    for i, share in enumerate(shares):
        identifier = f"{_slug(title)}-{mark}" + (f"-{i + 1}" if several else "")
        names = {
            "pack": identifier,
            "prefix": _slug(title),
            "folder": f"{i + 1}/" if several else "",
        }
        stickers = [pack.stickers[n] for n in share]
        entries = _entries(target, stickers, names, draw, progress)
        icons = {
            path.format(**names): _drawn(target, pack.portrait, frame, draw)
            for path, frame in target.icons.items()
        }
        parts.append(Part(identifier, titles[i], author, names["folder"], entries, icons))
        files |= icons | {entry.path: entry.data for entry in entries}
    return files | target.manifest(parts) | {"README.txt": _readme(target, pack, title, parts)}


def _entries(
    target: Target,
    stickers: Sequence[Sticker],
    names: Mapping[str, str],
    draw: Draw,
    progress: Progress,
) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for number, sticker in enumerate(stickers, 1):
        path = target.path.format(name=sticker.name, number=number, **names)
        data = _drawn(target, sticker, target.frame, draw)
        entries.append(Entry(sticker, path, data, (target.frame.width, target.frame.height)))
        progress(f"{target.name} {sticker.name}")
    return tuple(entries)


def _drawn(target: Target, sticker: Sticker, frame: Frame, draw: Draw) -> bytes:
    """The sticker's file; raises BadStyle if it is larger than ``target`` takes."""
    try:
        return _encoded(sticker.svg, frame, draw)
    except ValueError as exc:
        raise BadStyle(
            f"too much detail for {target.label} ({exc})",
            where=f"{sticker.name}.{frame.format}",
            hint="simplify the drawing",
        ) from None


def _encoded(svg: str, frame: Frame, draw: Draw) -> bytes:
    """The picture's file; raises ValueError if it cannot be as small as the frame says."""
    shape = (frame.width, frame.height, frame.margin)
    if frame.format == "webp":
        return webp(_framed(svg, *shape), frame.limit)
    data = draw(svg, *shape)
    if len(data) > frame.limit:
        raise ValueError(f"{len(data)} bytes do not fit into {frame.limit}")
    return data


def _png(svg: str, width: int, height: int, margin: int | None) -> bytes:
    return png(_framed(svg, width, height, margin))


def _framed(svg: str, width: int, height: int, margin: int | None) -> Image.Image:
    """``svg`` on a page of this size, RGBA: drawn at its final size, border and all."""
    if margin is None:
        return rasterise(svg, width)
    left, top, right, bottom = rasterise(svg).getbbox() or (0, 0, SIDE, SIDE)
    scale = min((width - 2 * margin) / (right - left), (height - 2 * margin) / (bottom - top))
    picture = rasterise(svg, int(SIDE * scale))
    art = picture.crop(picture.getbbox())
    page = Image.new("RGBA", (width, height))
    page.paste(art, ((width - art.width) // 2, (height - art.height) // 2))
    return page


def _slug(text: str) -> str:
    """``text`` in ``[a-z0-9_]``, at most 40 characters, never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain)[:40].strip("_") or "stickers"


def _readme(target: Target, pack: Pack, title: str, parts: Sequence[Part]) -> bytes:
    kept = {entry.sticker.name for part in parts for entry in part.entries}
    left_out = [sticker.name for sticker in pack.stickers if sticker.name not in kept]
    texts = [
        f"{title} by {parts[0].author}: {len(kept)} stickers for {target.label}"
        + (f", in {len(parts)} packs." if len(parts) > 1 else "."),
        target.how,
    ]
    if left_out:
        *sizes, last = (str(n) for n in target.counts)
        texts.append(
            f"{target.label} takes packs of {', '.join(sizes)} or {last}, so these are left out: "
            f"{', '.join(left_out)}."
        )
    texts.append(f"What {target.label} asks for: {target.source}")
    wrapped = (textwrap.fill(t, 88, break_long_words=False, break_on_hyphens=False) for t in texts)
    return ("\n\n".join(wrapped) + "\n").encode()
