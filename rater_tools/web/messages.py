"""What screens send: the requests of the script, checked."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

AHEAD = 5
"""Tasks that a screen holds: the one shown and those whose photos are loaded already."""


class Wanted(BaseModel):
    """What a screen asks for."""

    attribute: Annotated[str, Field(max_length=40)]
    count: Annotated[int, Field(ge=1, le=10)] = AHEAD


class Said(Wanted):
    """A reply that a screen sends; see `assignment.Reply`."""

    task: int
    token: Annotated[str, Field(min_length=8, max_length=80)]
    kind: Annotated[str, Field(max_length=20)]
    value: Annotated[str, Field(max_length=2000)] = ""
    second: Annotated[str | None, Field(max_length=100)] = None
    wrong: Annotated[list[str], Field(max_length=40)] = []
    comment: Annotated[str, Field(max_length=2000)] = ""
    seconds: Annotated[float | None, Field(ge=0)] = None


class Undone(BaseModel):
    """A wish to take back the last reply."""

    token: Annotated[str, Field(min_length=8, max_length=80)]
