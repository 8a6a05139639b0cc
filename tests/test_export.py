from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stickers.avatar import Avatar
from stickers.catalog import Catalog
from stickers.errors import BadStyle, CannotWrite, InputError, UnknownValue
from stickers.export import export, targets
from stickers.export.manifests import Entry, Part, matrix
from stickers.export.targets import TARGETS, Frame, Target
from stickers.pack import Pack, draw
from stickers.records import Sticker

AUTHOR, TITLE = "Ana Müller", "Ana’s faces 😀"
NAMES = ("cry", "good_morning", "its_fine", "lol", "love_struck", "nope", "shrug", "sure")
CATALOGUE = Path("Stickers.xcassets")
XCODE_PACK = CATALOGUE / "Sticker Pack.stickerpack"


@pytest.fixture(scope="module")
def pack(somebody: Avatar, sly: Catalog) -> Pack:
    return draw(somebody, sly, only=NAMES)


@pytest.fixture(scope="module")
def out(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "all"
    export(pack, TARGETS, folder, author=AUTHOR, title=TITLE)
    return folder


def dots(somebody: Avatar, count: int, **changes: Any) -> Pack:
    """A pack of ``count`` simple drawings, each of its own size."""
    stickers = [
        Sticker(
            f"dot_{i:03}",
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" width="512" '
            f'height="512"><circle cx="256" cy="256" r="{100 + i}" fill="#fff"/></svg>',
            f"Dot number {i}.",
            ("🔴",),
            ("dot",),
        )
        for i in range(count + 1)
    ]
    return Pack(somebody, stickers[0], tuple(replace(s, **changes) for s in stickers[1:]))


def pictures(folder: Path, target: Target) -> Iterator[tuple[Path, Frame]]:
    """Every picture that ``target`` wrote, with the frame it should keep to."""
    icons = {
        PurePosixPath(path.format(folder="", pack="pack")).name: frame
        for path, frame in target.icons.items()
    }
    for path in sorted((folder / target.name).rglob("*")):
        if path.suffix in (".png", ".webp"):
            yield path, icons.get(path.name, target.frame)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_it_returns_every_file_that_it_wrote(pack: Pack, tmp_path: Path) -> None:
    files = export(pack, ["slack", "telegram"], tmp_path / "a", author=AUTHOR, title=TITLE)
    assert list(files) == sorted(p for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert {p.relative_to(tmp_path / "a").parts[0] for p in files} == {"slack", "telegram"}


def test_progress_names_the_messenger_and_the_sticker(somebody: Avatar, tmp_path: Path) -> None:
    told: list[str] = []
    some = dots(somebody, 2)
    export(some, ["slack"], tmp_path, author=AUTHOR, title=TITLE, progress=told.append)
    assert told == ["slack dot_001", "slack dot_002"]


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_every_picture_keeps_its_messengers_format_size_and_bytes(
    out: Path, target: Target
) -> None:
    found = list(pictures(out, target))
    assert len(found) == len(NAMES) + len(target.icons)
    for path, frame in found:
        with Image.open(path) as picture:
            assert picture.format == frame.format.upper()
            assert path.suffix == f".{frame.format}"
            assert picture.size == (frame.width, frame.height)
            assert not getattr(picture, "is_animated", False)
        assert path.stat().st_size <= frame.limit


@pytest.mark.parametrize("name", TARGETS)
def test_every_picture_is_transparent_around_a_white_border(out: Path, name: str) -> None:
    for path, frame in pictures(out, TARGETS[name]):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGBA"))
        alpha = pixels[..., 3]
        edge = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
        assert not edge.any(), path
        rows = np.flatnonzero((alpha > 250).any(axis=1))
        outermost = pixels[rows, (alpha[rows] > 250).argmax(axis=1), :3]
        assert np.median(outermost.min(axis=1)) > (225 if frame.height >= 128 else 170), path


@pytest.mark.parametrize(
    ("path", "margin"),
    [("line/01.png", 10), ("line/main.png", 10), ("line/tab.png", 2), ("slack/*_sure.png", 2)],
)
def test_framed_art_fills_its_page_but_for_the_margin(out: Path, path: str, margin: int) -> None:
    (file,) = out.glob(path)
    with Image.open(file) as picture:
        left, top, right, bottom = picture.convert("RGBA").getbbox() or (0, 0, 0, 0)
        width, height = picture.size
    gaps = (left, top, width - right, height - bottom)
    assert margin - 1 <= min(gaps) <= margin + 2
    assert abs(left - (width - right)) <= 1
    assert abs(top - (height - bottom)) <= 1


def test_whatsapp_gets_the_sample_apps_contents_json(out: Path, pack: Pack) -> None:
    (whole,) = read(out / "whatsapp" / "contents.json")["sticker_packs"]
    assert (whole["name"], whole["publisher"]) == (TITLE, AUTHOR)
    assert whole["animated_sticker_pack"] is whole["avoid_cache"] is False
    folder = out / "whatsapp" / whole["identifier"]
    assert (folder / whole["tray_image_file"]).is_file()
    for sticker, entry in zip(pack.stickers, whole["stickers"], strict=True):
        assert (folder / entry["image_file"]).is_file()
        assert entry["emojis"] == list(sticker.emoji)
        assert 1 <= len(entry["emojis"]) <= 3
        assert entry["accessibility_text"] == sticker.alt
        assert len(entry["accessibility_text"]) <= 125


def test_whatsapps_identifier_stays_and_its_version_follows_the_pictures(
    somebody: Avatar, tmp_path: Path
) -> None:
    seen = []
    for i, some in enumerate((dots(somebody, 3), dots(somebody, 4))):
        export(some, ["whatsapp"], tmp_path / str(i), author=AUTHOR, title=TITLE)
        seen += read(tmp_path / str(i) / "whatsapp" / "contents.json")["sticker_packs"]
    assert seen[0]["identifier"] == seen[1]["identifier"]
    assert seen[0]["image_data_version"] != seen[1]["image_data_version"]


def test_a_wastickers_archive_holds_title_author_icon_and_stickers(out: Path) -> None:
    (path,) = (out / "whatsapp").glob("*.wastickers")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.read("title.txt").decode() == TITLE
        assert archive.read("author.txt").decode() == AUTHOR
    assert [n for n in names if n.endswith(".png")] == ["tray.png"]
    assert [n for n in names if n.endswith(".webp")] == [f"{n}.webp" for n in NAMES]


@pytest.mark.parametrize(("count", "sizes"), [(30, [30]), (31, [15, 16])])
def test_whatsapp_packs_split_evenly_beyond_thirty(
    somebody: Avatar, tmp_path: Path, count: int, sizes: list[int]
) -> None:
    export(dots(somebody, count), ["whatsapp"], tmp_path, author=AUTHOR, title=TITLE)
    packs = read(tmp_path / "whatsapp" / "contents.json")["sticker_packs"]
    assert [len(p["stickers"]) for p in packs] == sizes
    assert len({p["identifier"] for p in packs}) == len(packs)
    if len(packs) > 1:
        assert [p["name"] for p in packs] == [f"{TITLE} {i + 1}" for i in range(len(packs))]
    for one in packs:
        folder = tmp_path / "whatsapp" / one["identifier"]
        files = {entry["image_file"] for entry in one["stickers"]}
        assert {p.name for p in folder.iterdir()} == files | {"tray.png"}
        assert (tmp_path / "whatsapp" / f"{one['identifier']}.wastickers").is_file()


def test_telegram_gets_an_input_sticker_per_file(out: Path, pack: Pack) -> None:
    whole = read(out / "telegram" / "sticker_set.json")
    assert (whole["title"], whole["sticker_type"]) == (TITLE, "regular")
    assert (out / "telegram" / whole["thumbnail"]).is_file()
    for sticker, entry in zip(pack.stickers, whole["stickers"], strict=True):
        assert (out / "telegram" / entry["file"]).is_file()
        assert entry["sticker"] == f"attach://{sticker.name}"
        assert entry["format"] == "static"
        assert entry["emoji_list"] == list(sticker.emoji)
        assert entry["keywords"]
        assert sum(map(len, entry["keywords"])) <= 64


def test_a_split_set_lies_in_numbered_folders(somebody: Avatar, tmp_path: Path) -> None:
    export(dots(somebody, 61), ["discord"], tmp_path, author=AUTHOR, title=TITLE)
    for part, count in (("1", 30), ("2", 31)):
        folder = tmp_path / "discord" / part
        files = [entry["file"] for entry in read(folder / "stickers.json")]
        assert len(files) == count
        assert {p.name for p in folder.glob("*.png")} == set(files)


def test_signal_gets_title_author_cover_and_one_emoji_each(out: Path, pack: Pack) -> None:
    lines = (out / "signal" / "stickers.yaml").read_text(encoding="utf-8").splitlines()
    head = ["meta:", f'  title: "{TITLE}"', f'  author: "{AUTHOR}"', '  cover: "cover.png"']
    assert lines[:5] == [*head, "stickers:"]
    assert lines[5:] == [
        line
        for s in pack.stickers
        for line in (f'- file: "{s.name}.png"', f'  chr: "{s.emoji[0]}"')
    ]
    assert (out / "signal" / "cover.png").is_file()


def test_imessage_gets_an_xcode_asset_catalogue(out: Path, pack: Pack) -> None:
    folder = out / "imessage"
    assert read(folder / CATALOGUE / "Contents.json")["info"]["version"] == 1
    whole = read(folder / XCODE_PACK / "Contents.json")
    assert whole["properties"] == {"grid-size": "regular"}
    assert [entry["filename"] for entry in whole["stickers"]] == [f"{n}.sticker" for n in NAMES]
    for sticker in pack.stickers:
        place = folder / XCODE_PACK / f"{sticker.name}.sticker"
        properties = read(place / "Contents.json")["properties"]
        assert properties["accessibility-label"] == sticker.alt
        assert (place / properties["filename"]).is_file()


def test_discord_gets_name_description_and_tags(out: Path, pack: Pack) -> None:
    for sticker, entry in zip(pack.stickers, read(out / "discord" / "stickers.json"), strict=True):
        assert (out / "discord" / entry["file"]).is_file()
        assert entry["name"] == sticker.name.replace("_", " ")
        assert entry["emoji"] == sticker.emoji[0]
        assert entry["tags"].split(", ") == list(sticker.keywords)
        assert entry["description"] == sticker.alt


def test_long_texts_are_cut_to_what_a_messenger_takes(somebody: Avatar, tmp_path: Path) -> None:
    words = tuple(f"keyword{i}" for i in range(40))
    some = dots(somebody, 1, alt="word " * 25, keywords=words, name="a_" * 20)
    export(some, ["discord", "telegram"], tmp_path, author=AUTHOR, title=TITLE)
    (entry,) = read(tmp_path / "discord" / "stickers.json")
    assert 2 <= len(entry["name"]) <= 30
    assert entry["description"].endswith("word…")
    assert 80 < len(entry["description"]) <= 100
    assert 150 < len(entry["tags"]) <= 200
    (entry,) = read(tmp_path / "telegram" / "sticker_set.json")["stickers"]
    assert entry["keywords"] == list(words[: len(entry["keywords"])])
    assert 50 < sum(map(len, entry["keywords"])) <= 64


def test_slack_names_are_lower_case_and_start_with_the_title(out: Path) -> None:
    names = sorted(p.stem for p in (out / "slack").glob("*.png"))
    assert names == [f"anas_faces_{name}" for name in NAMES]
    assert {e["file"] for e in read(out / "slack" / "stickers.json")} == {f"{n}.png" for n in names}


def test_a_title_without_latin_letters_still_gives_file_names(
    somebody: Avatar, tmp_path: Path
) -> None:
    export(dots(somebody, 1), ["slack"], tmp_path, author="我", title="我的貼圖")
    assert (tmp_path / "slack" / "stickers_dot_001.png").is_file()


@pytest.mark.parametrize(
    ("count", "sizes"), [(8, [8]), (18, [16]), (41, [40]), (50, [40, 8]), (80, [40, 40])]
)
def test_line_gets_packs_of_the_sizes_it_allows(
    somebody: Avatar, tmp_path: Path, count: int, sizes: list[int]
) -> None:
    export(dots(somebody, count), ["line"], tmp_path, author=AUTHOR, title=TITLE)
    folder = tmp_path / "line"
    folders = [folder] if len(sizes) == 1 else [folder / str(i + 1) for i in range(len(sizes))]
    for place, size in zip(folders, sizes, strict=True):
        pictures = {f"{i:02}.png" for i in range(1, size + 1)}
        assert {p.name for p in place.glob("*.png")} == pictures | {"main.png", "tab.png"}
        assert [e["file"] for e in read(place / "stickers.json")] == sorted(pictures)
    text = (folder / "README.txt").read_text(encoding="utf-8")
    assert ("left out" in text) == (count > sum(sizes))
    assert (f"dot_{count:03}" in text) == (count > sum(sizes))


def test_matrix_gets_the_content_of_an_image_pack_event(out: Path, pack: Pack) -> None:
    path = out / "matrix" / "image_pack.json"
    whole = read(path)
    assert whole["pack"]["display_name"] == TITLE
    assert whole["pack"]["usage"] == ["sticker"]
    assert (out / "matrix" / whole["pack"]["avatar_url"]).is_file()
    assert list(whole["images"]) == list(NAMES)
    for sticker in pack.stickers:
        image = whole["images"][sticker.name]
        file = out / "matrix" / image["url"]
        assert image["body"] == sticker.alt
        assert image["info"]["size"] == file.stat().st_size
        assert (image["info"]["w"], image["info"]["h"]) == (512, 512)


def test_the_largest_matrix_pack_fits_into_an_event() -> None:
    entries = tuple(
        Entry(Sticker(f"sticker_{i:03}", "", "字" * 125, ("🔴",), ("dot",)), "", b"", (512, 512))
        for i in range(TARGETS["matrix"].counts[-1])
    )
    part = Part("id", "字" * 128, "字" * 128, "", entries, {"avatar.png": b""})
    whole = json.loads(matrix([part])["image_pack.json"])
    for image in whole["images"].values():
        image["url"] = "mxc://matrix.example.org/" + "x" * 24
        image["info"]["size"] = 500_000
    assert len(json.dumps(whole, ensure_ascii=False).encode()) < 65_536 - 2_000


@pytest.mark.parametrize("name", TARGETS)
def test_a_readme_says_what_to_do_and_where_it_is_written(out: Path, name: str) -> None:
    text = (out / name / "README.txt").read_text(encoding="utf-8")
    assert text.startswith(f"{TITLE} by {AUTHOR}: {len(NAMES)} stickers for {TARGETS[name].label}.")
    assert TARGETS[name].source in text
    assert TARGETS[name].source.startswith("https://")
    assert len(text) > 200


def test_the_same_pack_gives_the_same_bytes(out: Path, pack: Pack, tmp_path: Path) -> None:
    some = ("line", "whatsapp")
    export(pack, some, tmp_path, author=AUTHOR, title=TITLE)
    before = {path: data for path, data in contents(out).items() if path.startswith(some)}
    assert contents(tmp_path) == before


def test_an_unknown_messenger_is_refused_with_the_known_ones(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(UnknownValue, match=r"'icq'.*whatsapp, telegram, signal"):
        export(pack, ["telegram", "icq"], tmp_path / "a", author=AUTHOR, title=TITLE)
    with pytest.raises(UnknownValue, match="no messenger"):
        export(pack, [], tmp_path / "a", author=AUTHOR, title=TITLE)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(("name", "few"), [("whatsapp", 2), ("line", 7), ("telegram", 0)])
def test_too_few_stickers_are_refused_before_anything_is_written(
    somebody: Avatar, tmp_path: Path, name: str, few: int
) -> None:
    with pytest.raises(InputError, match=f"not {few}: export more stickers"):
        export(dots(somebody, few), ["slack", name], tmp_path / "a", author=AUTHOR, title=TITLE)
    assert not (tmp_path / "a").exists()


def test_an_author_or_title_that_a_messenger_refuses_is_refused(
    somebody: Avatar, tmp_path: Path
) -> None:
    some = dots(somebody, 31)
    with pytest.raises(InputError, match="the title is empty"):
        export(some, ["slack"], tmp_path / "a", author=AUTHOR, title=" \n\0 ")
    with pytest.raises(InputError, match="the author is empty"):
        export(some, ["slack"], tmp_path / "a", author="", title=TITLE)
    with pytest.raises(InputError, match="title has 65 characters, Telegram takes 64"):
        export(some, ["telegram"], tmp_path / "a", author=AUTHOR, title="x" * 65)
    with pytest.raises(InputError, match="title has 129 characters, WhatsApp takes 128"):
        export(some, ["whatsapp"], tmp_path / "a", author=AUTHOR, title="x" * 127)
    with pytest.raises(InputError, match="author has 129 characters, Signal takes 128"):
        export(some, ["signal"], tmp_path / "a", author="x" * 129, title=TITLE)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["telegram", "whatsapp"])
def test_a_drawing_that_makes_too_large_a_file_is_named(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    strict = replace(TARGETS[name], frame=replace(TARGETS[name].frame, limit=2_000))
    monkeypatch.setattr(targets, "TARGETS", {name: strict})
    with pytest.raises(BadStyle, match=rf"{strict.label} \(.*\), cry\.{strict.frame.format}: "):
        export(pack, [name], tmp_path / "a", author=AUTHOR, title=TITLE)
    assert not (tmp_path / "a").exists()


def test_an_interrupted_export_leaves_nothing_new(somebody: Avatar, tmp_path: Path) -> None:
    def stop(done: str) -> None:
        if done == "telegram dot_002":
            raise KeyboardInterrupt

    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").write_text("mine", encoding="utf-8")
    for folder in (tmp_path / "new" / "deep", tmp_path / "kept"):
        with pytest.raises(KeyboardInterrupt):
            export(
                dots(somebody, 3),
                ["slack", "telegram"],
                folder,
                author=AUTHOR,
                title=TITLE,
                progress=stop,
            )
    assert [p.name for p in tmp_path.rglob("*")] == ["kept", "notes.txt"]


def test_a_folder_that_cannot_be_written_is_refused(somebody: Avatar, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(CannotWrite):
        export(dots(somebody, 1), ["slack"], tmp_path / "file", author=AUTHOR, title=TITLE)
