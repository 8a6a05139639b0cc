from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stickers.batch.folder import Folder
from stickers.batch.manifest import MANIFEST, Failure, Manifest, Result, Status, read_manifest
from stickers.errors import CannotWrite


def failed(photo: Path) -> Result:
    return Result(photo, photo.stem, Status.FAILED, error=Failure("no_face", "nö"))


def test_a_result_comes_back_whatever_its_name(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    names = ["plain", 'new\nline "quoted"', "🙂", os.fsdecode(b"not \xff utf-8")]
    results = [
        failed(tmp_path / "x.jpg"),
        *(
            Result(
                tmp_path / f"{name}.jpg",
                name,
                Status.MADE,
                (("nose", "button"),),
                "3f",
                (12, 34),
                code="AQ",
                style="sly@1",
                model="m@2",
                recipe="5d",
                size=99,
                ms={"photo": 1.5},
            )
            for name in names
        ),
    ]
    with Manifest(place) as manifest:
        for result in results:
            manifest.add(result)
    assert read_manifest(place) == tuple(results)
    lines = (tmp_path / MANIFEST).read_text(encoding="ascii").splitlines()
    assert list(json.loads(lines[0])) == ["photo", "name", "status", "error"]
    assert set(json.loads(lines[1])) == {
        "photo", "name", "status", "set", "sha256", "code", "style", "model", "recipe", "size",
        "stat", "ms",
    }  # fmt: skip


def test_lines_that_are_not_whole_count_for_nothing(tmp_path: Path) -> None:
    place, good = Folder(tmp_path), failed(Path("/a.jpg"))
    whole = json.dumps(good.as_json())
    odd = [b"\0\0\0", b"[]", b'{"photo": 3}', b"\xff", b'{"photo": "/b", "status": "eaten"}']
    data = b"\n".join([whole.encode(), *odd, b""])
    (tmp_path / MANIFEST).write_bytes(data + whole[:20].encode())
    assert read_manifest(place) == (good,)
    with Manifest(place) as manifest:
        manifest.add(good)
    assert (tmp_path / MANIFEST).read_bytes() == data + whole.encode() + b"\n"
    assert read_manifest(place) == (good, good)


def test_two_batches_cannot_be_at_work_in_one_folder(tmp_path: Path) -> None:
    with Manifest(Folder(tmp_path)), pytest.raises(CannotWrite, match="another batch is at work"):
        Manifest(Folder(tmp_path))
    with Manifest(Folder(tmp_path)):
        pass


def test_another_photo_with_the_same_content_fails_under_its_own_name() -> None:
    error = Failure("no_face", "no face was found, /in/a.jpg: use another")
    twin = Result(Path("/in/a.jpg"), "a", Status.FAILED, error=error).again(
        Path("/in/b.jpg"), "b", None
    )
    assert (twin.status, twin.same_as) == (Status.FAILED, "a")
    assert twin.error is not None and "/in/b.jpg" in twin.error.message
