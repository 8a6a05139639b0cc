from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from stand_in import photos_in, plain, stand_in
from stickers.avatar import Avatar
from stickers.batch.manifest import Manifest, Result, Status
from stickers.batch.plan import Plan, plan_batch
from stickers.batch.recipe import Layout, Recipe, recipe_of
from stickers.catalog import Catalog
from stickers.errors import BadModel, UnknownValue
from stickers.pack import draw


def done(plan: Plan, *names: str) -> None:
    """What a run would leave that came to the photos called so."""
    with Manifest(plan.place) as manifest:
        for job in plan.jobs:
            if job.name in names:
                manifest.add(stand_in(job))


def todo(plan: Plan) -> list[str]:
    return [job.name for job in plan.jobs]


# --- what is done again -------------------------------------------------------------


def test_what_is_made_and_there_is_not_done_again(tmp_path: Path) -> None:
    album, out = photos_in(tmp_path / "in", a="0", b="0", c="fail", d="0"), tmp_path / "out"
    done(plan_batch([album], out, plain()), "a", "c", "d")
    assert todo(plan_batch([album], out, plain())) == ["b"]
    (out / "d" / "stickers" / "sure.png").unlink()
    assert todo(plan_batch([album], out, plain())) == ["b", "d"]
    (out / "a" / "avatar.json").write_text("torn")
    assert todo(plan_batch([album], out, plain())) == ["a", "b", "d"]
    assert todo(plan_batch([album], out, plain(), retry_failed=True)) == ["a", "b", "c", "d"]
    assert todo(plan_batch([album], out, plain(), resume=False)) == ["a", "b", "c", "d"]


def test_a_photo_that_changed_is_done_again_and_one_that_was_only_copied_is_not(
    tmp_path: Path,
) -> None:
    album, out = photos_in(tmp_path / "in", a="0", b="0"), tmp_path / "out"
    plan = plan_batch([album], out, plain())
    with Manifest(plan.place) as manifest:
        for job in plan.jobs:
            content = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"  # of "0"
            manifest.add(replace(stand_in(job), sha256=content))
    for name in "ab":
        os.utime(album / f"{name}.jpg", (1, 1))
    assert todo(plan_batch([album], out, plain())) == ["b"]  # which is "0 ", not "0"


@pytest.mark.parametrize(
    "other",
    [
        {"formats": ("svg",)},
        {"scenes": ("lol",)},
        {"layout": Layout.FLAT},
        {"style_version": "sly@2"},
        {"model_version": "none@2"},
    ],
)
def test_packs_that_would_be_other_bytes_are_made_again(
    tmp_path: Path, other: dict[str, object]
) -> None:
    album, out = photos_in(tmp_path / "in", a="0"), tmp_path / "out"
    done(plan_batch([album], out, plain()), "a")
    recipe = Recipe(**{**_fields(plain()), **other})  # type: ignore[arg-type]
    assert todo(plan_batch([album], out, recipe)) == ["a"]
    assert todo(plan_batch([album], out, plain(), changes={"nose": "button"})) == ["a"]


def _fields(recipe: Recipe) -> dict[str, object]:
    return {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}


def test_a_photo_keeps_its_name_when_others_come_before_it(tmp_path: Path) -> None:
    out, late = tmp_path / "out", photos_in(tmp_path / "z", me="0")
    done(plan_batch([late], out, plain()), "me")
    early = photos_in(tmp_path / "a", me="1")
    again = plan_batch([early, late], out, plain(), resume=False)
    named = [(job.photo.parent.name, job.name) for job in again.jobs]
    assert named == [("a", "me-2"), ("z", "me")]


# --- photos that are the same -------------------------------------------------------


def test_photos_with_the_same_bytes_and_changes_are_made_once(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0", b="1")
    (album / "c.jpg").write_bytes((album / "a.jpg").read_bytes())
    table = tmp_path / "t.csv"
    table.write_text(f"photo,name,set\n{album}/a.jpg,A,nose=button\n{album}/c.jpg,C,nose=button\n")
    plan = plan_batch([album, table], tmp_path / "out", plain())
    assert plan.names == ("a", "b", "c", "A-2", "C-2")
    assert todo(plan) == ["a", "b", "A-2"]
    twins = {name: [twin.name for twin in same] for name, same in plan.twins.items()}
    assert twins == {"a": ["c"], "A-2": ["C-2"]}
    assert plan.todo == 5


def test_changes_for_all_come_before_a_row_s_own(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("photo,set\na.jpg,nose=button\nb.jpg,\n")
    common = {"nose": "hooked", "outfit": "hoodie"}
    first, second = plan_batch([table], tmp_path / "out", plain(), changes=common).jobs
    assert dict(first.changes) == {"nose": "button", "outfit": "hoodie"}
    assert dict(second.changes) == common


def test_what_is_no_picture_is_noted_and_no_job(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0")
    (album / "notes.md").write_text("hello")
    plan = plan_batch([album], tmp_path / "out", plain())
    assert todo(plan) == ["a"]
    (other,) = plan.others
    assert (other.status, other.photo.name) == (Status.SKIPPED, "notes.md")
    assert other.error is not None and other.error.code == "not_an_image"


# --- recipes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [{"style": "nonesuch"}, {"only": ["nonesuch"]}, {"formats": ["gif"]}, {"layout": "heap"}],
)
def test_a_recipe_of_what_does_not_exist_is_wrong_usage(wrong: dict[str, object]) -> None:
    with pytest.raises(UnknownValue):
        recipe_of(**wrong)  # type: ignore[arg-type]


def test_a_model_that_is_not_there_is_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(BadModel):
        recipe_of(model=tmp_path)


def test_no_photos_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UnknownValue, match="no photos"):
        plan_batch([], tmp_path, plain())


@pytest.mark.parametrize("layout", list(Layout))
def test_a_recipe_knows_the_files_of_a_pack(layout: Layout, sly: Catalog, somebody: Avatar) -> None:
    recipe = recipe_of(formats=["png", "svg"], only=["sure", "lol"], layout=layout)
    pack = draw(somebody, sly, only=recipe.scenes)
    files = dict(recipe.laid_out("a.b", pack.files(recipe.formats)))
    assert tuple(files) == recipe.paths("a.b")
    assert files == dict(recipe.laid_out("a.b", pack.files(recipe.formats)))
    tops = {path.split("/")[0] for path in files}
    assert (
        tops
        == {
            Layout.FOLDER: {"a.b"},
            Layout.FLAT: {f"a.b.{f}" for f in _FLAT},
            Layout.ZIP: {"a.b.zip"},
        }[layout]
    )


_FLAT: Iterable[str] = (
    "avatar.json", "avatar.svg", "avatar.png", "sheet.png",
    "lol.svg", "lol.png", "sure.svg", "sure.png",
)  # fmt: skip


def test_a_result_of_no_known_shape_is_not_trusted(tmp_path: Path) -> None:
    album, out = photos_in(tmp_path / "in", a="0"), tmp_path / "out"
    plan = plan_batch([album], out, plain())
    done(plan, "a")
    other = Result(tmp_path / "elsewhere.jpg", "a", Status.MADE)
    with Manifest(plan.place) as manifest:
        manifest.add(other)
    assert len(plan_batch([album], out, plain()).jobs) == 1
