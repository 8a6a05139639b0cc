"""Everything that can go wrong, as one tree.

::

    StickersError                      the root; .code, .exit_code
    ├── UnknownValue                   unknown_value      no such trait, value or option
    ├── InputError                     something given that cannot be used
    │   ├── PhotoError
    │   │   ├── PhotoNotFound          photo_not_found    no such file, or it cannot be read
    │   │   ├── NotAnImage             not_an_image       the bytes are no picture we know
    │   │   ├── PhotoDamaged           photo_damaged      a picture that ends or breaks half-way
    │   │   ├── PhotoTooLarge          photo_too_large    more bytes or pixels than the limits
    │   │   └── NoFace                 no_face            a good picture without a face
    │   │       └── TooDark            too_dark           too dark to see one in
    │   ├── BadAvatar                  bad_avatar         not a valid avatar or share code
    │   ├── BadRatings                 bad_ratings        a ratings file or folder not in our form
    │   └── CannotWrite                cannot_write       an output place that refuses us
    ├── BadStyle                       bad_style          drawn files that break the art contract
    ├── BadModel                       bad_model          missing, or not its manifest's
    └── MissingExtra                   missing_extra      an optional package that is not installed

Every message reads "what failed, which file, what to do". Exit codes: 2 for
wrong usage (UnknownValue, MissingExtra), 3 for everything else.
"""

from __future__ import annotations

from os import PathLike
from typing import ClassVar


class StickersError(Exception):
    """Root of the tree.

    Args:
        what: what failed, a phrase without a full stop.
        where: the file or input it failed on, if there is one.
        hint: what the reader can do about it.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 3

    def __init__(
        self, what: str, *, where: str | PathLike[str] | None = None, hint: str = ""
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.hint = hint
        parts = [what] if self.where is None else [what, self.where]
        super().__init__(", ".join(parts) + (f": {hint}" if hint else ""))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def _rebuild(kind: type[StickersError], what: str, where: str | None, hint: str) -> StickersError:
    return kind(what, where=where, hint=hint)


class UnknownValue(StickersError):
    """A trait, value, style, sticker or option that does not exist."""

    code = "unknown_value"
    exit_code = 2


class InputError(StickersError):
    """Something the user gave that cannot be used."""

    code = "bad_input"


class PhotoError(InputError):
    """A photo that cannot become stickers."""

    code = "bad_photo"


class PhotoNotFound(PhotoError):
    """No such file, or one that may not be read."""

    code = "photo_not_found"


class NotAnImage(PhotoError):
    """Bytes that are no picture in a format we read."""

    code = "not_an_image"


class PhotoDamaged(PhotoError):
    """A picture whose data end or break half-way."""

    code = "photo_damaged"


class PhotoTooLarge(PhotoError):
    """A picture with more bytes or pixels than the limits."""

    code = "photo_too_large"


class NoFace(PhotoError):
    """A good picture in which no face was found."""

    code = "no_face"


class TooDark(NoFace):
    """A picture without a face to be seen, and so dark that there may be one."""

    code = "too_dark"


class BadAvatar(InputError):
    """An avatar document or share code that is not valid."""

    code = "bad_avatar"


class BadRatings(InputError):
    """A ratings file or faces folder that is not in our form."""

    code = "bad_ratings"


class CannotWrite(InputError):
    """An output place that cannot be written."""

    code = "cannot_write"


class BadStyle(StickersError):
    """Drawn files or a style.toml that break the art contract."""

    code = "bad_style"


class BadModel(StickersError):
    """A model that is missing, or not the one its manifest describes."""

    code = "bad_model"


class MissingExtra(StickersError):
    """An optional package that a command needs is not installed."""

    code = "missing_extra"
    exit_code = 2
