"""Illustrated stickers from a selfie.

>>> import stickers
>>> pack = stickers.make("me.jpg")          # doctest: +SKIP
>>> pack.write("out")                       # doctest: +SKIP

`make`, `analyze` and `render` are the road (see `stickers.pipeline`); an `Avatar` is
the person as a small document, with a share code. Errors are one tree:
`stickers.errors.StickersError`.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stickers.avatar import Avatar, random_avatar
    from stickers.errors import StickersError
    from stickers.pipeline import analyze, make, render

# onnxruntime would keep a number for this computer and a log of its use; it asks this
# variable while it is imported, so it is set before anything can import it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__all__ = ["Avatar", "StickersError", "analyze", "make", "random_avatar", "render"]

_HOME = {
    "Avatar": "stickers.avatar",
    "StickersError": "stickers.errors",
    "analyze": "stickers.pipeline",
    "make": "stickers.pipeline",
    "random_avatar": "stickers.avatar",
    "render": "stickers.pipeline",
}


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `import stickers` and `--help` load no model library.
    if name == "__version__":
        return version("stickers")  # asked late: a hosted app runs from a folder, not installed
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
