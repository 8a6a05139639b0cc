"""The whole road, its stages named in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from stickers.attributes import read_attributes
from stickers.avatar import DEFAULT_STYLE, Avatar, avatar_of, read_avatar
from stickers.catalog import load_catalog
from stickers.embed import Model, embed, load_model
from stickers.face import faces_of, find_face
from stickers.pack import Pack, draw
from stickers.photo import load_photo
from stickers.records import Analysis, Face, Photo
from stickers.style import load_style

Source = str | Path | bytes | Photo
_T = TypeVar("_T")


def analyze(source: Source, *, model: str | Path | None = None) -> Analysis:
    """What the model sees in a photo: a path, the file's bytes, or a `Photo`.

    Args:
        source: the photo.
        model: a folder that ``stickers train`` wrote; the shipped model if not given.

    Raises:
        PhotoError: the photo cannot be used; `NoFace` when there is none in it.
        BadModel: no model is there, or it is damaged.
    """
    loaded = load_model(None if model is None else Path(model))
    ms: dict[str, float] = {}
    photo = source if isinstance(source, Photo) else _timed(ms, "photo", load_photo, source)
    return _analysed(_timed(ms, "face", find_face, photo), loaded, ms)


def analyze_faces(source: Source) -> tuple[tuple[Face, Analysis], ...]:
    """Each face of a photo, the largest first, and what the model sees in it; as `analyze`."""
    loaded = load_model()
    photo = source if isinstance(source, Photo) else load_photo(source)
    return tuple((face, _analysed(face, loaded, {})) for face in faces_of(photo))


def _analysed(face: Face, model: Model, ms: dict[str, float]) -> Analysis:
    embedding = _timed(ms, "embed", embed, face, model)
    attributes = _timed(ms, "attributes", read_attributes, embedding, model)
    return Analysis(face.photo_name, face.box, face.count, attributes, ms)


def _timed(ms: dict[str, float], stage: str, work: Callable[..., _T], *given: object) -> _T:
    start = time.perf_counter()
    result = work(*given)
    ms[stage] = (time.perf_counter() - start) * 1000
    return result


def avatar_from_photo(
    source: Source,
    *,
    style: str | Path = DEFAULT_STYLE,
    changes: Mapping[str, str] | None = None,
    model: str | Path | None = None,
) -> Avatar:
    """The avatar of the person in a photo, with ``changes`` made to it.

    Raises:
        PhotoError, BadModel: as `analyze`.
        UnknownValue: a style, trait or value that does not exist.
    """
    analysis = analyze(source, model=model)
    return avatar_of(analysis.attributes, load_style(style)).changed(changes or {})


def make(
    source: Source,
    *,
    style: str | Path = DEFAULT_STYLE,
    changes: Mapping[str, str] | None = None,
    model: str | Path | None = None,
) -> Pack:
    """A photo's sticker pack; ``make("me.jpg").write("out")`` is the whole road.

    Raises:
        As `avatar_from_photo`, and BadStyle.
    """
    return render(avatar_from_photo(source, style=style, changes=changes, model=model), style=style)


def render(
    avatar: Avatar | str | Path,
    *,
    style: str | Path | None = None,
    only: Iterable[str] | None = None,
) -> Pack:
    """The pack of an avatar: one made before, a file of one, or a share code.

    Raises:
        BadAvatar: neither a valid document nor a share code.
        UnknownValue: a style or sticker that does not exist.
        BadStyle: a drawing breaks the art contract.
    """
    who = avatar if isinstance(avatar, Avatar) else read_avatar(avatar)
    return draw(who, load_catalog(style or who.style), only=only)
