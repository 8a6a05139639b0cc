"""What became of each photo of a batch, and the file that remembers it.

``batch.jsonl`` has one line a photo, appended when the photo is done::

    {"photo": "/in/me.jpg", "folder": "me", "style": "sly", "code": "AQNz...", "ms": 512.3}
    {"photo": "/in/cat.jpg", "error": {"code": "no_face", "message": "..."}, "ms": 301.9}

Of several lines about a photo the last one counts. A line that is not whole, as a
killed run or a full disk leaves it, counts for nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stickers.errors import CannotWrite, PhotoError

JOURNAL = "batch.jsonl"
"""The journal's name in the output folder."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a photo has no pack.

    Attributes:
        code: of the error tree; or ``unexpected``, an error nobody foresaw; or
            ``worker_died``, the process that worked on it died.
        message: what failed, which file, what to do.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one photo: a pack, or a failure.

    Attributes:
        photo: its absolute path.
        ms: wall time spent on it, milliseconds.
        folder: where its pack is, absolute; None if it failed.
        style: the style it was drawn in; "" if it failed.
        code: the avatar's share code; "" if it failed.
        error: why it failed; None if it did not.
    """

    photo: Path
    ms: float
    folder: Path | None = None
    style: str = ""
    code: str = ""
    error: Failure | None = None

    @classmethod
    def failed(cls, photo: Path, code: str, message: str, ms: float = 0.0) -> Self:
        """The result of a photo that failed."""
        return cls(photo, ms, error=Failure(code, message))

    @classmethod
    def died(cls, photo: Path) -> Self:
        """The result of a photo whose worker process died."""
        hint = "it may need more memory than there is: reduce it, or use fewer workers"
        what = PhotoError("the process that worked on the photo died", where=photo, hint=hint)
        return cls.failed(photo, "worker_died", str(what))

    def as_json(self) -> dict[str, object]:
        """The journal's line."""
        line: dict[str, object] = {"photo": str(self.photo)}
        if self.folder is not None:
            line |= {"folder": self.folder.name, "style": self.style, "code": self.code}
        if self.error is not None:
            line["error"] = {"code": self.error.code, "message": self.error.message}
        return line | {"ms": round(self.ms, 1)}

    @classmethod
    def from_json(cls, line: Any, root: Path) -> Self:
        """A journal's line again; ``root`` is the journal's folder.

        Raises:
            KeyError, TypeError, ValueError: it is no such line.
        """
        photo, ms = Path(line["photo"]), float(line["ms"])
        if "error" in line:
            error = line["error"]
            return cls.failed(photo, str(error["code"]), str(error["message"]), ms)
        name = str(line["folder"])
        if name != Path(name).name:
            raise ValueError(f"{name!r} leads out of the journal's folder")
        return cls(photo, ms, root / name, str(line["style"]), str(line["code"]))


def read_journal(root: Path) -> tuple[Result, ...]:
    """The whole lines of the journal in ``root``, in order; none where there is no journal.

    Raises:
        CannotWrite: there is one that may not be read.
    """
    path = root / JOURNAL
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as exc:
        raise _refused(exc, path) from None
    results: list[Result] = []
    for line in data.split(b"\n"):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            results.append(Result.from_json(json.loads(line), root))
    return tuple(results)


class Journal:
    """The journal of ``root``, open for appending; only one process at a time may hold it.

    Raises:
        CannotWrite: the folder refuses us, or another batch is at work in it.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / JOURNAL
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b", buffering=0)
        except OSError as exc:
            raise _refused(exc, self._path) from None
        try:
            self._lock()
            self._cut_torn_line()
        except OSError as exc:
            self._file.close()
            raise _refused(exc, self._path) from None
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotWrite(
                    "another batch is at work in this folder",
                    where=self._path.parent,
                    hint="wait for it, or choose another folder",
                ) from None

    def _cut_torn_line(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)

    def add(self, result: Result) -> None:
        """Append a line; it is on the disk when this returns.

        Raises:
            CannotWrite: the disk is full, or refuses us otherwise.
        """
        # ASCII: names that are not valid Unicode survive as escaped surrogates.
        line = json.dumps(result.as_json()).encode("ascii") + b"\n"
        try:
            self._file.write(line)
            os.fsync(self._file.fileno())
        except OSError as exc:
            raise _refused(exc, self._path) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._file.close()


def _refused(exc: OSError, path: Path) -> CannotWrite:
    reason = (exc.strerror or str(exc)).lower()
    hint = "make room, or choose another folder; the same command then goes on"
    return CannotWrite(f"cannot write ({reason})", where=path, hint=hint)
