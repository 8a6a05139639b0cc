from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_album import jpeg, portrait
from stickers.batch.inputs import Entry, find_photos
from stickers.batch.manifest import MANIFEST
from stickers.batch.names import comes_from, distinct_names
from stickers.errors import UnknownValue


def names_of(entries: tuple[Entry, ...], root: Path) -> list[str]:
    return [str(e.photo.relative_to(root)) for e in entries if e.picture]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "c/d.heic", "c/.hidden.jpg", ".trash/e.jpg", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("pack/avatar.json", "pack/avatar.png", "pack/stickers/hi.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in (f"flat/{MANIFEST}", "flat/me.avatar.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path.resolve()


def test_a_folder_gives_its_photos_sorted_without_packs_and_hidden_files(album: Path) -> None:
    assert names_of(find_photos([album]), album) == ["a.PNG", "b.jpg", "c/d.heic"]


def test_a_folder_is_searched_by_content_and_what_is_no_picture_is_told_apart(
    tmp_path: Path,
) -> None:
    (tmp_path / "telephone").write_bytes(jpeg(portrait()))
    (tmp_path / "photo.dat").write_bytes(jpeg(portrait(), 80))
    (tmp_path / "notes").write_text("not a photo")
    os.mkfifo(tmp_path / "pipe")  # would never end, if it were read
    found = find_photos([tmp_path])
    assert names_of(found, tmp_path.resolve()) == ["photo.dat", "telephone"]
    assert sorted(e.photo.name for e in found if not e.picture) == ["notes", "pipe"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["b.jpg"]),
        ("[ab].*", ["a.PNG", "b.jpg"]),
        ("**/*.png", []),
        ("?.md", []),
    ],
)
def test_a_pattern_gives_what_fits_it(album: Path, pattern: str, expected: list[str]) -> None:
    found = names_of(find_photos([str(album / pattern)]), album)
    assert found == (expected or [pattern])


def test_a_list_gives_its_lines_each_photo_once(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    lines = ["b.jpg", "", f"{album}/c/../b.jpg", "c", "gone ü.jpg"]
    Path("list.txt").write_text("\r\n".join(lines), encoding="utf-8-sig")
    found = find_photos(["list.txt", album / "b.jpg"])
    assert names_of(found, album) == ["b.jpg", "c/d.heic", "gone ü.jpg"]


def test_a_list_comes_from_standard_input_too_and_as_find_print0_writes_it(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    odd = "two\nlines.jpg"
    data = io.BytesIO(f"b.jpg\0{odd}\0".encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data))
    assert names_of(find_photos(["-"]), album) == ["b.jpg", odd]


@pytest.mark.parametrize("mark", [",", ";"])
def test_a_table_gives_photos_names_and_changes(
    album: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.chdir(album)
    rows = [
        ["Photo", "name", "set"],
        ["b.jpg", "Bea", "glasses=round nose=button"],
        ["b.jpg", "Bea", ""],
        ["c", "", "outfit=hoodie"],
        ["", "nobody", ""],
    ]
    Path("class.csv").write_text("\n".join(mark.join(row) for row in rows), encoding="utf-8-sig")
    assert find_photos(["class.csv"]) == (
        Entry(album / "b.jpg", "Bea", (("glasses", "round"), ("nose", "button"))),
        Entry(album / "b.jpg", "Bea"),
        Entry(album / "c/d.heic", "", (("outfit", "hoodie"),)),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,name\na.jpg,A\n", "columns are not photo, name, set"),
        ("photo,set\na.jpg,glasses\n", "class.csv, line 2"),
    ],
)
def test_a_table_that_cannot_be_understood_is_told_before_any_work(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "class.csv").write_text(text)
    with pytest.raises(UnknownValue, match=said):
        find_photos([tmp_path / "class.csv"])


def test_an_input_that_leads_to_no_photo_is_kept_to_fail_by_its_name(album: Path) -> None:
    (album / "empty").mkdir()
    (album / "list.txt").write_bytes(b"\n")
    (album / "none.csv").write_text("photo\n")
    given = ["gone.jpg", "*.gif", "empty", "list.txt", "none.csv", "gone.txt"]
    assert names_of(find_photos(album / g for g in given), album) == given
    (album / "odd.txt").write_bytes(b"a\xff\n" + b"x" * 5000)
    assert len(find_photos([album / "odd.txt"])) == 2


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_a_photo_s_name_that_may_not_be_read_is_kept(tmp_path: Path) -> None:
    shutil.copymode(__file__, tmp_path)
    (tmp_path / "locked").write_bytes(jpeg(portrait()))
    (tmp_path / "locked").chmod(0)
    assert names_of(find_photos([tmp_path]), tmp_path.resolve()) == ["locked"]


# --- names --------------------------------------------------------------------------


def test_photos_of_one_name_get_numbers() -> None:
    wanted = ["me", "ME", "me-2", "me", MANIFEST, ".x", "a:b?"]
    assert distinct_names(wanted, [None] * 7, [MANIFEST]) == [
        "me", "ME-2", "me-2-2", "me-3", f"{MANIFEST}-2", "x", "a_b_"
    ]  # fmt: skip


def test_a_long_or_odd_name_is_one_that_every_system_takes() -> None:
    wanted = ["é" * 120, "new\nline\udcff ", "....", "🙂"]
    assert distinct_names(wanted, [None] * 4) == ["é" * 90, "new_line_", "photo", "🙂"]


@given(st.lists(st.sampled_from(["a", "A", "a-2", "b", "a-3"]), max_size=8), st.data())
def test_names_are_the_same_whatever_is_known(wanted: list[str], data: st.DataObject) -> None:
    fresh = distinct_names(wanted, [None] * len(wanted))
    assert len({name.casefold() for name in fresh}) == len(wanted)
    assert all(map(comes_from, fresh, wanted))
    known = [name if data.draw(st.booleans()) else None for name in fresh]
    assert distinct_names(wanted, known) == fresh
