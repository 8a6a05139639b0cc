"""What several commands of the command line share: options, and extras that may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from stickers.errors import MissingExtra

Out = Annotated[Path, typer.Option("-o", "--out", help="Folder to write into.", show_default=False)]
StyleName = Annotated[str, typer.Option("--style", help="A style's name or folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Who = Annotated[str, typer.Argument(metavar="AVATAR", help="An avatar.json or a share code.")]
ModelFolder = Annotated[
    Path | None, typer.Option("--model", help="A folder of `stickers train`, not the shipped.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="TRAIT=VALUE", help="Choose a trait or colour yourself."),
]


def names(given: str | None) -> list[str] | None:
    """The names in an option that takes them with commas between; None if it is not given."""
    return None if given is None else [n.strip() for n in given.split(",") if n.strip()]


@contextmanager
def extra(what: str, name: str) -> Iterator[None]:
    """Imports within belong to an extra: say how to install it where it is missing."""
    try:
        yield
    except ModuleNotFoundError as exc:
        raise MissingExtra(
            f"{what} needs the package {exc.name}", hint=f"pip install 'stickers[{name}]'"
        ) from None
