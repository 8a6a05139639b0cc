from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stand_in import (
    dies_at_once,
    files_of,
    photos_in,
    plain,
    refuse_to_start,
    stand_in,
    tell_threads,
)
from stickers.batch import Plan, plan_batch, run_batch, summarise
from stickers.batch.folder import Folder
from stickers.batch.job import make_pack
from stickers.batch.manifest import MANIFEST, Status, read_manifest
from stickers.batch.places import UNFINISHED
from stickers.batch.recipe import Layout, recipe_of
from stickers.batch.workers import Local
from stickers.errors import CannotWrite, MissingExtra, StickersError, UnknownValue


def plan_of(album: Path, out: Path | str, layout: Layout = Layout.FOLDER) -> Plan:
    return plan_batch([album], out, plain(layout))


def named(folder: Path) -> set[str]:
    """Which photos' packs are whole."""
    return {p.parent.name for p in folder.glob("*/sheet.png")}


# --- what fails, dies and hangs -----------------------------------------------------


def test_what_fails_or_dies_stops_nothing_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0", b="die", c="fail", d="0", e="0")
    given, out = [album, tmp_path / "gone.jpg"], tmp_path / "out"
    results = {
        r.name: r for r in run_batch(plan_batch(given, out, plain()), workers=2, work=stand_in)
    }
    codes = {name: r.error.code for name, r in results.items() if r.error}
    assert codes == {"b": "worker_died", "c": "no_face", "gone": "photo_not_found"}
    assert results["b"].error and "use fewer workers" in results["b"].error.message
    assert set(files_of(out)) == {path for n in "ade" for path in plain().paths(n)}
    assert {r.name: r for r in read_manifest(Folder(out))} == results
    again = plan_batch(given, out, plain())
    assert again.jobs == () and list(run_batch(again, work=dies_at_once)) == []
    summary = summarise(again)
    assert (len(summary.packs), summary.left, summary.exit_code) == (3, 0, 1)
    assert summary.reasons == {"worker_died": 1, "no_face": 1, "photo_not_found": 1}


def test_a_worker_that_hangs_is_replaced_and_its_photo_recorded(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0", b="hang", c="0", d="0")
    others = set(multiprocessing.active_children())
    plan = plan_of(album, tmp_path / "out")
    results = {r.name: r for r in run_batch(plan, workers=1, work=stand_in, patience=3)}
    assert [n for n, r in results.items() if r.is_pack] == ["a", "c", "d"]
    error = results["b"].error
    assert error is not None and error.code == "worker_hung"
    assert "took more than 3 s" in error.message
    workers = set(multiprocessing.active_children()) - others
    deadline = time.monotonic() + 20
    # The pool's own thread waits for them too: a join beside it may come back at once.
    while (left := [w for w in workers if w.is_alive()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_workers_that_cannot_start_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stickers.batch.workers._settle_in", refuse_to_start)
    plan = plan_of(photos_in(tmp_path / "in", a="0"), tmp_path / "out")
    with pytest.raises(StickersError, match="cannot start"):
        list(run_batch(plan, workers=1, work=stand_in))
    assert summarise(plan).left == 1


def test_a_worker_that_died_while_idle_is_replaced(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0", b="0")
    first, second = plan_of(album, tmp_path / "out").jobs
    others = set(multiprocessing.active_children())
    with closing(Local(stand_in, 1)) as crew:
        crew.submit(first)
        crew.collect()
        (process,) = set(multiprocessing.active_children()) - others
        process.kill()
        while not crew._idle[0]._pool._broken:
            time.sleep(0.01)
        crew.submit(second)
        assert crew.collect().is_pack


# --- wrong usage and refusing places ------------------------------------------------


def test_wrong_usage_is_told_before_any_work(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "a.jpg", tmp_path / "out")
    for wrong, said in (
        ({"engine": "cloud"}, "local or ray"),
        ({"workers": 0}, "one or more"),
        ({"address": "auto"}, "--engine ray"),
    ):
        with pytest.raises(UnknownValue, match=said):
            next(run_batch(plan, **wrong))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_without_ray_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r'pip install "stickers\[ray\]"'):
        next(run_batch(plan_of(tmp_path / "a.jpg", tmp_path / "out"), engine="ray"))


def test_a_place_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0")
    plan = plan_of(album, tmp_path / "out")
    (tmp_path / "out").touch()
    with pytest.raises(CannotWrite):
        next(run_batch(plan, work=dies_at_once))
    with pytest.raises(CannotWrite):
        plan_of(album, tmp_path / "out")


def test_a_full_disk_ends_the_run_and_the_next_goes_on(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0", b="full", c="0")
    with pytest.raises(CannotWrite, match="no space left"):
        list(run_batch(plan_of(album, tmp_path / "out"), workers=1, work=stand_in))
    (album / "b.jpg").write_text("0.0")
    assert [j.name for j in plan_of(album, tmp_path / "out").jobs] == ["b", "c"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
            yield disk
            subprocess.run(["umount", "--lazy", disk], check=True)
            return
    pytest.skip("only root may mount a small disk")


def test_a_disk_that_fills_up_is_one_clear_error(small_disk: Path, selfies: Path) -> None:
    recipe = recipe_of(only=["sure", "lol"], formats=["png", "svg"])
    plan = plan_batch([selfies], small_disk / "out", recipe)
    with pytest.raises(CannotWrite, match=r"no space left on device.*same command then goes on"):
        list(run_batch(plan, workers=1))
    whole = read_manifest(plan.place)
    assert 0 < len(whole) < 6 and all(r.is_pack for r in whole)
    assert named(small_disk / "out") == {r.name for r in whole}


def test_a_folder_that_refuses_one_photo_fails_only_that(tmp_path: Path, selfies: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "0001").write_text("a file that is in the way")
    recipe = recipe_of(only=["sure"], formats=["png"])
    results = {r.name: r for r in map(make_pack, plan_batch([selfies], out, recipe).jobs[:2])}
    assert results["0000"].is_pack
    error = results["0001"].error
    assert error is not None and error.code == "cannot_write"
    assert not list((out / UNFINISHED).iterdir())


# --- duplicates, layouts, places ----------------------------------------------------


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("url", [False, True])
def test_the_same_photo_is_made_once_and_linked(tmp_path: Path, layout: Layout, url: bool) -> None:
    album, out = photos_in(tmp_path / "in", a="0", b="fail"), tmp_path / "out"
    for twin, photo in (("c", "a"), ("d", "b")):
        (album / f"{twin}.jpg").write_bytes((album / f"{photo}.jpg").read_bytes())
    plan = plan_of(album, f"file://{out}" if url else out, layout)
    results = {r.name: r for r in run_batch(plan, workers=1, work=stand_in)}
    assert {name: r.status for name, r in results.items()} == {
        "a": Status.MADE, "b": Status.FAILED, "c": Status.LINKED, "d": Status.FAILED
    }  # fmt: skip
    files = files_of(out)
    assert set(files) == {path for name in "ac" for path in plan.jobs[0].recipe.paths(name)}
    for one, same in zip(*(plan.jobs[0].recipe.paths(name) for name in "ac"), strict=True):
        assert files[one] == files[same]
        assert url or (out / one).samefile(out / same)
    assert plan_of(album, str(plan.place), layout).todo == 0
    if not url:
        (out / plan.jobs[0].recipe.paths("c")[0]).unlink()
        again = plan_of(album, out, layout)
        assert [r.status for r in run_batch(again, work=dies_at_once)] == [Status.LINKED]
        assert files_of(out) == files


def test_a_place_of_no_file_system_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UnknownValue, match="there is no place"):
        plan_of(tmp_path / "a.jpg", "nonesuch://bucket")


def test_a_folder_of_that_name_keeps_what_else_is_in_it(tmp_path: Path) -> None:
    album, out = photos_in(tmp_path / "in", a="0"), tmp_path / "out"
    (out / "a").mkdir(parents=True)
    (out / "a" / "mine.md").write_text("keep")
    list(run_batch(plan_of(album, out), work=stand_in, workers=1))
    assert set(files_of(out)) == {"a/mine.md", *plain().paths("a")}


# --- runs that end early ------------------------------------------------------------


def test_a_run_that_is_stopped_finishes_what_is_in_flight(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", **{f"p{n}": "0" for n in range(6)})
    for how in ("asked", "closed"):
        plan = plan_of(album, tmp_path / how)
        seen: list[str] = []
        run = run_batch(plan, workers=2, work=stand_in, stop=lambda: how == "asked" and bool(seen))  # noqa: B023
        with closing(run) as results:
            for result in results:
                seen.append(result.name)
                if how == "closed":
                    break
        done = read_manifest(plan.place)
        assert 1 <= len(done) <= 3
        assert {r.name for r in done} == named(tmp_path / how)
        assert summarise(plan).left == 6 - len(done)
        assert not (tmp_path / how / UNFINISHED).exists()


RUN = """
import sys
from stand_in import plain, stand_in
from stickers.batch import plan_batch, run_batch
if __name__ == "__main__":
    plan = plan_batch([sys.argv[1]], sys.argv[2], plain())
    for result in run_batch(plan, workers=2, work=stand_in):
        print(result.photo.stem, flush=True)
"""


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[Path, Path], subprocess.Popen[str]]]:
    script = tmp_path / "run.py"
    script.write_text(RUN)
    running: list[subprocess.Popen[str]] = []
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]

    def start(album: Path, out: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, script, album, out],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_workers_of_a_killed_run_end_with_it(
    tmp_path: Path, begin: Callable[[Path, Path], subprocess.Popen[str]]
) -> None:
    album = photos_in(tmp_path / "in", **{f"p{n}": "0.1" for n in range(8)})
    process = begin(album, tmp_path / "out")
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    # Its workers hold the pipes too: this ends only when they are gone as well.
    assert "Traceback" not in process.communicate(timeout=20)[1]
    plan = plan_of(album, tmp_path / "out")
    assert 0 < len(plan.jobs) < 8
    list(run_batch(plan, workers=1, work=stand_in))
    assert set(files_of(tmp_path / "out")) == {
        path for n in range(8) for path in plain().paths(f"p{n}")
    }


def test_an_interrupt_leaves_a_manifest_of_all_that_was_made(
    tmp_path: Path, begin: Callable[[Path, Path], subprocess.Popen[str]]
) -> None:
    album = photos_in(tmp_path / "in", **{f"p{n}": "0.2" for n in range(20)})
    process = begin(album, tmp_path / "out")
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    stderr = process.communicate(timeout=20)[1]
    assert stderr.rstrip().endswith("KeyboardInterrupt") and stderr.count("Traceback") == 1
    done = {r.name for r in read_manifest(Folder(tmp_path / "out")) if r.is_pack}
    assert 2 <= len(done) < 20
    assert done == named(tmp_path / "out")
    assert not (tmp_path / "out" / UNFINISHED).exists()


# --- the real thing -----------------------------------------------------------------


def test_a_result_tells_what_it_was_made_of_and_how_long_it_took(
    tmp_path: Path, selfies: Path
) -> None:
    recipe = recipe_of(only=["sure"], formats=["png"])
    plan = plan_batch([selfies], tmp_path / "out", recipe, changes={"glasses": "round"})
    result = make_pack(plan.jobs[0])
    assert set(result.ms) == {"photo", "face", "embed", "attributes", "draw", "raster", "write"}
    assert (result.style, result.model) == (recipe.style_version, recipe.model_version)
    assert len(result.sha256) == 64 and result.changes == (("glasses", "round"),)
    wrong = plan_batch([selfies], tmp_path / "out", recipe, changes={"glasses": "nonesuch"})
    error = make_pack(wrong.jobs[0]).error
    assert error is not None and error.code == "unknown_value"


def test_an_error_nobody_foresaw_fails_its_photo(
    tmp_path: Path, selfies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr("stickers.pack.draw", broken)
    plan = plan_batch([selfies], tmp_path / "out", recipe_of(only=["sure"]))
    error = make_pack(plan.jobs[0]).error
    assert error is not None and error.code == "unexpected"
    assert error.message.startswith("ZeroDivisionError at test_batch_run.py:")
    assert str(plan.jobs[0].photo) in error.message


def test_workers_do_not_fight_for_cores(tmp_path: Path, selfies: Path) -> None:
    recipe = recipe_of(only=["sure"], formats=["png"])
    plan = plan_batch([selfies / "0000.jpg"], tmp_path / "out", recipe)
    (result,) = run_batch(plan, workers=1, work=tell_threads)
    assert result.ms == {"opencv": 1, "network": 1}


def test_no_result_depends_on_how_many_workers_there_are(tmp_path: Path, selfies: Path) -> None:
    recipe = recipe_of(only=["sure"], formats=["webp"])
    made = {}
    for workers in (1, 2):
        out = tmp_path / str(workers)
        results = list(run_batch(plan_batch([selfies], out, recipe), workers=workers))
        assert Counter(r.status for r in results) == {Status.MADE: 6}
        made[workers] = files_of(out)
        assert len((out / MANIFEST).read_bytes().splitlines()) == 6
    assert made[1] == made[2]
    assert set(made[1]) == {path for n in range(6) for path in recipe.paths(f"{n:04}")}
