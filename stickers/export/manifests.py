"""The files beside the pictures, as each messenger wants them: one function a format."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from stickers.records import Sticker

Files = dict[str, bytes]
"""Path below the messenger's folder, with slashes -> the file's bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sticker as a messenger gets it.

    Attributes:
        sticker: what it shows.
        path: below the messenger's folder, with slashes.
        data: the encoded picture.
        size: (width, height) in px.
    """

    sticker: Sticker
    path: str
    data: bytes
    size: tuple[int, int]

    @property
    def file(self) -> str:
        """The file's name without folders."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Part:
    """What a messenger takes as one pack; a long pack becomes several.

    Attributes:
        identifier: unique to the person and the title: ``[a-z0-9_-]``, under 128 characters.
        title: of this part.
        author: who made it.
        folder: "" where there is one part, else ``<number>/``.
        entries: its stickers, in order.
        icons: path -> picture of the pack as a whole.
    """

    identifier: str
    title: str
    author: str
    folder: str
    entries: tuple[Entry, ...]
    icons: Mapping[str, bytes]


Manifest = Callable[[Sequence[Part]], Files]


def whatsapp(parts: Sequence[Part]) -> Files:
    """``contents.json`` of WhatsApp's sample app, and a ``.wastickers`` archive per part."""
    packs = [
        {
            "identifier": part.identifier,
            "name": part.title,
            "publisher": part.author,
            "tray_image_file": PurePosixPath(next(iter(part.icons))).name,
            "image_data_version": _version(part),
            "avoid_cache": False,
            "publisher_email": "",
            "publisher_website": "",
            "privacy_policy_website": "",
            "license_agreement_website": "",
            "animated_sticker_pack": False,
            "stickers": [
                {
                    "image_file": entry.file,
                    "emojis": list(entry.sticker.emoji),
                    "accessibility_text": entry.sticker.alt,
                }
                for entry in part.entries
            ],
        }
        for part in parts
    ]
    contents = {"android_play_store_link": "", "ios_app_store_link": "", "sticker_packs": packs}
    archives = {f"{part.identifier}.wastickers": _wastickers(part) for part in parts}
    return {"contents.json": _json(contents)} | archives


def _version(part: Part) -> str:
    """Another text for other pictures, which tells WhatsApp to load them again."""
    pictures = (*part.icons.values(), *(entry.data for entry in part.entries))
    return hashlib.sha256(b"".join(pictures)).hexdigest()[:12]


def _wastickers(part: Part) -> bytes:
    """The archive that sticker apps on phones open: two texts, one PNG, the stickers."""
    files = {"title.txt": part.title.encode(), "author.txt": part.author.encode()}
    files |= {PurePosixPath(path).name: data for path, data in part.icons.items()}
    files |= {entry.file: entry.data for entry in part.entries}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name)  # dated 1980, so that the bytes are always the same
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, data)
    return out.getvalue()


def telegram(parts: Sequence[Part]) -> Files:
    """``sticker_set.json``: per file an ``InputSticker`` of the bot API."""
    return {
        f"{part.folder}sticker_set.json": _json(
            {
                "title": part.title,
                "sticker_type": "regular",
                "thumbnail": PurePosixPath(next(iter(part.icons))).name,
                "stickers": [
                    {
                        "file": entry.file,
                        "sticker": f"attach://{entry.sticker.name}",
                        "format": "static",
                        "emoji_list": list(entry.sticker.emoji),
                        "keywords": _fitting(entry.sticker.keywords, 64)[:20],
                    }
                    for entry in part.entries
                ],
            }
        )
        for part in parts
    }


def signal(parts: Sequence[Part]) -> Files:
    """``stickers.yaml`` as signal-sticker-tool reads it: title, author, cover, emoji."""
    files: Files = {}
    for part in parts:
        meta = {
            "title": part.title,
            "author": part.author,
            "cover": PurePosixPath(next(iter(part.icons))).name,
        }
        lines = ["meta:", *(f"  {key}: {_quoted(text)}" for key, text in meta.items()), "stickers:"]
        for entry in part.entries:
            lines.append(f"- file: {_quoted(entry.file)}")
            lines.append(f"  chr: {_quoted(entry.sticker.emoji[0])}")
        files[f"{part.folder}stickers.yaml"] = ("\n".join(lines) + "\n").encode()
    return files


def imessage(parts: Sequence[Part]) -> Files:
    """``Contents.json`` of Xcode's asset catalogue, its sticker packs and stickers."""
    info = {"author": "xcode", "version": 1}
    files: Files = {}
    for part in parts:
        stickers = [PurePosixPath(entry.path).parent for entry in part.entries]
        pack = stickers[0].parent
        files[f"{pack.parent}/Contents.json"] = _json({"info": info})
        files[f"{pack}/Contents.json"] = _json(
            {
                "info": info,
                "properties": {"grid-size": "regular"},
                "stickers": [{"filename": folder.name} for folder in stickers],
            }
        )
        for entry, folder in zip(part.entries, stickers, strict=True):
            properties = {"accessibility-label": entry.sticker.alt, "filename": entry.file}
            files[f"{folder}/Contents.json"] = _json({"info": info, "properties": properties})
    return files


def discord(parts: Sequence[Part]) -> Files:
    """``stickers.json``: per file the form fields of Create Guild Sticker, and its emoji."""
    return {
        f"{part.folder}stickers.json": _json(
            [
                {
                    "file": entry.file,
                    "name": _shortened(entry.sticker.name.replace("_", " "), 30),
                    "description": _shortened(entry.sticker.alt, 100),
                    "tags": ", ".join(_fitting(entry.sticker.keywords, 200, between=2)),
                    "emoji": entry.sticker.emoji[0],
                }
                for entry in part.entries
            ]
        )
        for part in parts
    }


def listing(parts: Sequence[Part]) -> Files:
    """``stickers.json``: what each file shows, where a messenger reads no manifest itself."""
    return {
        f"{part.folder}stickers.json": _json(
            [
                {
                    "file": entry.file,
                    "alt": entry.sticker.alt,
                    "emoji": list(entry.sticker.emoji),
                    "keywords": list(entry.sticker.keywords),
                }
                for entry in part.entries
            ]
        )
        for part in parts
    }


def matrix(parts: Sequence[Part]) -> Files:
    """``image_pack.json``: the content of an ``m.room.image_pack`` event.

    Each ``url`` is the file's name, until the upload says its ``mxc://`` address.
    """
    return {
        f"{part.folder}image_pack.json": _json(
            {
                "pack": {
                    "display_name": part.title,
                    "avatar_url": PurePosixPath(next(iter(part.icons))).name,
                    "usage": ["sticker"],
                    "attribution": part.author,
                },
                "images": {
                    entry.sticker.name: {
                        "url": entry.file,
                        "body": entry.sticker.alt,
                        "info": {
                            "mimetype": "image/png",
                            "w": entry.size[0],
                            "h": entry.size[1],
                            "size": len(entry.data),
                        },
                    }
                    for entry in part.entries
                },
            }
        )
        for part in parts
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _quoted(text: str) -> str:
    """A YAML string; JSON's are YAML's too."""
    return json.dumps(text, ensure_ascii=False)


def _fitting(words: Iterable[str], limit: int, between: int = 0) -> list[str]:
    """The words, in order, that stay within ``limit`` characters together."""
    kept: list[str] = []
    left = limit
    for word in words:
        need = len(word) + (between if kept else 0)
        if need <= left:
            kept.append(word)
            left -= need
    return kept


def _shortened(text: str, limit: int) -> str:
    """``text``, cut after a word if it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:") + "…"
