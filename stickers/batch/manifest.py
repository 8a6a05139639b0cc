"""What became of each photo of a batch, and the file that remembers it.

``manifest.jsonl`` has one line a photo, appended when the photo is done::

    {"photo": "/in/me.jpg", "name": "me", "status": "made", "sha256": "3f...", "code": "AQN...",
     "style": "sly@8c...", "model": "faces-...@a3...", "recipe": "5d...", "size": 8812345,
     "stat": [84019, 1790000000000000000], "ms": {"photo": 2.1, "face": 27.5, ...}}
    {"photo": "/in/cat.jpg", "name": "cat", "status": "failed",
     "error": {"code": "no_face", "message": "..."}, ...}

Of several lines about a name the last one counts. A line that is not whole, as a killed
run or a full disk leaves it, counts for nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from stickers.batch.places import Place

MANIFEST = "manifest.jsonl"
"""The manifest's name in the output place."""


class Status(StrEnum):
    """What became of a photo.

    It has a pack of its own; or that of another with the same content; or none, with
    the reason; or it is a file of a folder that never claimed to be a picture.
    """

    MADE = "made"
    LINKED = "linked"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a photo has no pack.

    Attributes:
        code: of the error tree; or ``unexpected``, an error nobody foresaw; or
            ``worker_died``, ``worker_hung``: the process that worked on it was lost.
        message: what failed, which file, what to do.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one photo: a line of the manifest.

    Attributes:
        photo: its absolute path.
        name: what its results are called; "" if it was skipped.
        status: see `Status`.
        changes: made to the avatar before it was drawn.
        sha256: of the photo's bytes; "" if they could not be read.
        stat: the photo's bytes and time of change (ns) when it was read; None if unknown.
        code: the avatar's share code; "" if there is none, as all that follow.
        style: the style's name and what stands for its content.
        model: the same of the model.
        recipe: `Recipe.fingerprint` of how the pack was made.
        size: bytes of its files.
        same_as: the name of the photo with the same content that the pack was made of.
        ms: stage -> wall time, milliseconds.
        error: why it failed or was skipped.
    """

    photo: Path
    name: str
    status: Status
    changes: tuple[tuple[str, str], ...] = ()
    sha256: str = ""
    stat: tuple[int, int] | None = None
    code: str = ""
    style: str = ""
    model: str = ""
    recipe: str = ""
    size: int = 0
    same_as: str = ""
    ms: Mapping[str, float] = field(default_factory=dict)
    error: Failure | None = None

    @property
    def is_pack(self) -> bool:
        """Whether there is a pack of this photo."""
        return self.status in (Status.MADE, Status.LINKED)

    @property
    def total_ms(self) -> float:
        """Wall time spent on it."""
        return sum(self.ms.values())

    def again(self, photo: Path, name: str, stat: tuple[int, int] | None) -> Self:
        """The result of another photo with the same content: linked, or failed as well."""
        error = self.error
        if error is not None:
            error = replace(error, message=error.message.replace(str(self.photo), str(photo)))
        status = Status.LINKED if self.is_pack else Status.FAILED
        return replace(
            self,
            photo=photo,
            name=name,
            status=status,
            stat=stat,
            same_as=self.name,
            ms={},
            error=error,
        )

    def as_json(self) -> dict[str, object]:
        """The manifest's line; what is empty is left out."""
        line: dict[str, object] = {
            "photo": str(self.photo),
            "name": self.name,
            "status": str(self.status),
            "set": dict(self.changes),
            "sha256": self.sha256,
            "code": self.code,
            "style": self.style,
            "model": self.model,
            "recipe": self.recipe,
            "size": self.size,
            "same_as": self.same_as,
            "stat": self.stat and list(self.stat),
            "ms": {stage: round(ms, 1) for stage, ms in self.ms.items()},
            "error": self.error and {"code": self.error.code, "message": self.error.message},
        }
        return {key: value for key, value in line.items() if value}

    @classmethod
    def from_json(cls, line: Any) -> Self:
        """A manifest's line again.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is no such line.
        """
        error, stat = line.get("error"), line.get("stat")
        return cls(
            photo=Path(line["photo"]),
            name=str(line.get("name", "")),
            status=Status(line["status"]),
            changes=tuple((str(k), str(v)) for k, v in line.get("set", {}).items()),
            **{key: str(line.get(key, "")) for key in _TEXTS},
            size=int(line.get("size", 0)),
            stat=None if stat is None else (int(stat[0]), int(stat[1])),
            ms={str(stage): float(ms) for stage, ms in line.get("ms", {}).items()},
            error=None if error is None else Failure(str(error["code"]), str(error["message"])),
        )


_TEXTS = ("sha256", "code", "style", "model", "recipe", "same_as")


def read_manifest(place: Place) -> tuple[Result, ...]:
    """The whole lines of the manifest in ``place``, in order; none where there is none.

    Raises:
        CannotWrite: there is one that may not be read.
    """
    results: list[Result] = []
    for line in place.read(MANIFEST).split(b"\n"):
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            results.append(Result.from_json(json.loads(line)))
    return tuple(results)


class Manifest:
    """The manifest of ``place``, open for appending.

    Raises:
        CannotWrite: the place refuses us, or another batch is at work in it.
    """

    def __init__(self, place: Place) -> None:
        self._log = place.log(MANIFEST)

    def add(self, result: Result) -> None:
        """Append a line.

        Raises:
            CannotWrite: the disk is full, or refuses us otherwise.
        """
        # ASCII: names that are not valid Unicode survive as escaped surrogates.
        self._log.add(json.dumps(result.as_json()).encode("ascii") + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._log.close()
