"""What passes between the desk and a rater: tasks, replies, refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stickers.errors import StickersError


class Refused(StickersError):
    """A rater may not do this now."""

    code = "refused"


class Lost(Refused):
    """Somebody else has answered in the meantime, or the task was never this rater's."""

    code = "lost"


@dataclass(frozen=True, slots=True)
class Given:
    """A task that a rater holds."""

    task: int
    attribute: str
    item: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a rater says.

    Attributes:
        token: new for every reply; the same reply sent again adds nothing.
        kind: one of `ANSWERS`, or ``skip``.
        value, second: codes.
        wrong: traits, of a judged sticker.
        comment: free text.
        seconds: since the photo was shown.
    """

    token: str
    kind: str
    value: str = ""
    second: str | None = None
    wrong: tuple[str, ...] = ()
    comment: str = ""
    seconds: float | None = None
