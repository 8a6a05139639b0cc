"""What each photo's results are called: its own name, numbered where that is taken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
_LONGEST_NAME = 180


def distinct_names(
    wanted: Sequence[str], known: Sequence[str | None], taken: Iterable[str] = ()
) -> list[str]:
    """A name for each photo: as wanted, with ``-2``, ``-3`` ... where that is taken.

    The same wishes in the same order get the same names, whichever of them are
    ``known``. No two names differ only in case, because some file systems ignore it.

    Args:
        wanted: in the order in which names are given.
        known: for each, the name that it has from before; it stays.
        taken: given to no other.
    """
    gone = {_folded(name) for name in (*taken, *known) if name is not None}
    tried: dict[str, int] = {}
    names: list[str] = []
    for wish, name in zip(wanted, known, strict=True):
        stem = clean(wish)
        while name is None:
            number = tried[stem] = tried.get(stem, 0) + 1
            candidate = stem if number == 1 else f"{stem}-{number}"
            if _folded(candidate) not in gone:
                name = candidate
        gone.add(_folded(name))
        names.append(name)
    return names


def comes_from(name: str, wish: str) -> bool:
    """Whether ``name`` is one that `distinct_names` may give for ``wish``."""
    stem = clean(wish)
    return name == stem or (name.startswith(f"{stem}-") and name[len(stem) + 1 :].isdecimal())


def clean(wish: str) -> str:
    """``wish`` as a file name that every system takes and no tool hides."""
    short = _UNFIT.sub("_", wish).encode()[:_LONGEST_NAME].decode(errors="ignore")
    return short.strip(" .") or "photo"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
