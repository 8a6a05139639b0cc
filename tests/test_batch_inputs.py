from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stickers.batch.inputs import find_photos, folder_names
from stickers.batch.journal import JOURNAL


def names_of(photos: tuple[Path, ...], root: Path) -> list[str]:
    return [str(p.relative_to(root)) for p in photos]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "c/d.heic", "c/.hidden.jpg", ".trash/e.jpg", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("packs/b/avatar.json", "packs/b/avatar.png", "packs/b/stickers/hi.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path.resolve()


def test_a_folder_gives_its_photos_sorted_without_packs_and_hidden_files(album: Path) -> None:
    assert names_of(find_photos([album]), album) == ["a.PNG", "b.jpg", "c/d.heic"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["b.jpg"]),
        ("*", ["a.PNG", "b.jpg", "c/d.heic"]),
        ("**/*", ["a.PNG", "b.jpg", "c/d.heic"]),
        ("**/*.png", []),
        ("?.md", []),
        ("*.md", ["notes.md"]),
    ],
)
def test_a_pattern_gives_what_fits_it(album: Path, pattern: str, expected: list[str]) -> None:
    found = names_of(find_photos([str(album / pattern)]), album)
    assert found == (expected or [pattern])


def test_a_list_file_gives_its_lines_each_photo_once(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    lines = ["b.jpg", "", f"{album}/c/../b.jpg", "c", "gone ü.jpg"]
    Path("list.txt").write_text("\r\n".join(lines), encoding="utf-8-sig")
    found = find_photos(["list.txt", album / "b.jpg"])
    assert names_of(found, album) == ["b.jpg", "c/d.heic", "gone ü.jpg"]


def test_an_input_that_leads_to_no_photo_is_kept_to_fail_by_its_name(album: Path) -> None:
    (album / "empty").mkdir()
    (album / "list.txt").write_bytes(b"\n")
    (album / "odd.txt").write_bytes(b"a\0b\xff\n" + b"x" * 5000)
    given = ["gone.jpg", "*.gif", "empty", "list.txt", "gone.txt"]
    assert names_of(find_photos(album / g for g in given), album) == given
    assert len(find_photos([album / "odd.txt"])) == 2


def test_photos_of_one_name_get_numbers(tmp_path: Path) -> None:
    paths = [
        "a/me.jpg",
        "b/ME.png",
        "me-2.jpg",
        "c/me.jpg",
        "batch.jsonl.jpg",
        ".x.jpg",
        "a:b?.gif",
    ]
    names = folder_names([Path(p) for p in paths], {}, [JOURNAL])
    assert list(names.values()) == [
        "me", "ME-2", "me-2-2", "me-3", "batch.jsonl-2", "x", "a_b_"
    ]  # fmt: skip


def test_a_long_or_odd_name_is_one_that_every_system_takes() -> None:
    photos = [Path("é" * 120 + ".jpg"), Path("new\nline\udcff .jpg"), Path("....jpg")]
    names = list(folder_names(photos, {}).values())
    assert names == ["é" * 90, "new_line_", "photo"]


@given(st.lists(st.sampled_from(["a", "A", "a-2", "b", "a-3"]), max_size=8), st.data())
def test_names_are_the_same_whatever_is_known(stems: list[str], data: st.DataObject) -> None:
    photos = [Path(str(n), f"{stem}.jpg") for n, stem in enumerate(stems)]
    fresh = folder_names(photos, {})
    assert len({name.casefold() for name in fresh.values()}) == len(photos)
    done = data.draw(st.sets(st.sampled_from(photos))) if photos else set()
    assert folder_names(photos, {p: fresh[p] for p in done}) == fresh
