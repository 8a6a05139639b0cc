from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from stand_in import dies_at_once, refuse_to_start, stand_in
from stickers import pipeline
from stickers.avatar import Avatar
from stickers.batch import Plan, plan_batch, run_batch, summarise
from stickers.batch import job as job_module
from stickers.batch.job import UNFINISHED, Job, make_pack
from stickers.batch.journal import JOURNAL, Journal, Result, read_journal
from stickers.batch.workers import Local
from stickers.errors import CannotWrite, MissingExtra, StickersError, UnknownValue
from stickers.pack import Pack
from stickers.sample import sample_photo


def photos_in(folder: Path, **texts: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.jpg").write_text(text)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name != JOURNAL
    }


# --- the journal --------------------------------------------------------------------


def test_a_result_comes_back_from_the_journal_whatever_its_name(tmp_path: Path) -> None:
    names = ["plain", 'new\nline "quoted"', "🙂", os.fsdecode(b"not \xff utf-8")]
    results = [
        Result.failed(tmp_path / "x", "no_face", "nö"),
        *(Result(tmp_path / f"{n}.jpg", 12.3, tmp_path / "f", "sly", "c") for n in names),
    ]
    with Journal(tmp_path) as journal:
        for result in results:
            journal.add(result)
    assert read_journal(tmp_path) == tuple(results)
    lines = (tmp_path / JOURNAL).read_text(encoding="ascii").splitlines()
    assert len(lines) == len(results)
    assert list(json.loads(lines[0])) == ["photo", "error", "ms"]
    assert list(json.loads(lines[1])) == ["photo", "folder", "style", "code", "ms"]


def test_lines_that_are_not_whole_count_for_nothing(tmp_path: Path) -> None:
    good = Result.failed(Path("/a.jpg"), "no_face", "none")
    whole = json.dumps(good.as_json())
    escaping = json.dumps({"photo": "/b", "folder": "../b", "style": "s", "code": "c", "ms": 1})
    odd = [b"\0\0\0", b"[]", b'{"photo": 3}', b"\xff", escaping.encode()]
    data = b"\n".join([whole.encode(), *odd, b""])
    (tmp_path / JOURNAL).write_bytes(data + whole[:20].encode())
    assert read_journal(tmp_path) == (good,)
    with Journal(tmp_path) as journal:
        journal.add(good)
    assert (tmp_path / JOURNAL).read_bytes() == data + whole.encode() + b"\n"
    assert read_journal(tmp_path) == (good, good)


def test_two_batches_cannot_be_at_work_in_one_folder(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(CannotWrite, match="another batch is at work"):
        Journal(tmp_path)
    with Journal(tmp_path):
        pass


def test_a_journal_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0")
    (tmp_path / "out").touch()
    with pytest.raises(CannotWrite):
        plan_batch([album], tmp_path / "out")
    plan = Plan(tmp_path / "out", (), (Job(album / "a.jpg", tmp_path / "out/a", "sly"),), ())
    with pytest.raises(CannotWrite):
        next(run_batch(plan, work=dies_at_once))


# --- planning -----------------------------------------------------------------------


def wrote(plan: Plan, *results: Result) -> None:
    with Journal(plan.folder) as journal:
        for result in results:
            journal.add(result)


def test_a_plan_skips_what_is_done_in_this_style_and_there(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="", b="", c="", d="")
    out = tmp_path / "out"
    plan = plan_batch([album], out)
    a, b, c, d = plan.photos
    for name in "ab":
        (out / name).mkdir(parents=True)
        (out / name / "avatar.json").touch()
    made = Result(a, 1.0, out / "a", "sly", "code")
    other = Result(b, 1.0, out / "b", "other", "code")
    lost = Result(c, 1.0, out / "c", "sly", "code")
    failed = Result.failed(d, "no_face", "none")
    wrote(plan, failed, made, other, lost)
    assert [j.photo for j in plan_batch([album], out).jobs] == [b, c]
    assert plan_batch([album], out).skipped == (made, failed)
    assert [j.photo for j in plan_batch([album], out, retry_failed=True).jobs] == [b, c, d]
    assert [j.photo for j in plan_batch([album], out, resume=False).jobs] == [a, b, c, d]


def test_a_photo_keeps_its_folder_when_others_come_before_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    late = photos_in(tmp_path / "z", me="")
    plan = plan_batch([late], out)
    wrote(plan, Result(plan.photos[0], 1.0, plan.jobs[0].folder, "sly", "code"))
    early = photos_in(tmp_path / "a", me="")
    again = plan_batch([early, late], out)
    assert [(j.photo.parent.name, j.folder.name) for j in again.jobs] == [
        ("a", "me-2"),
        ("z", "me"),
    ]


def test_wrong_usage_is_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UnknownValue, match="no photos"):
        plan_batch([], tmp_path)
    with pytest.raises(UnknownValue, match="no style"):
        plan_batch(["a.jpg"], tmp_path, style="nonesuch")
    plan = plan_batch(["a.jpg"], tmp_path / "out")
    with pytest.raises(UnknownValue, match="local or ray"):
        next(run_batch(plan, engine="cloud"))
    with pytest.raises(UnknownValue, match="one or more"):
        next(run_batch(plan, workers=0))
    assert not (tmp_path / "out").exists()


def test_without_ray_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r'pip install "stickers\[ray\]"'):
        next(run_batch(plan_batch(["a.jpg"], tmp_path / "out"), engine="ray"))


@pytest.mark.parametrize(
    ("made", "failed", "left", "code"), [(2, 0, 0, 0), (1, 1, 0, 1), (0, 2, 0, 3), (1, 0, 1, 1)]
)
def test_a_summary_counts_all_runs(
    tmp_path: Path, made: int, failed: int, left: int, code: int
) -> None:
    plan = plan_batch([tmp_path / f"{n}.jpg" for n in range(made + failed + left)], tmp_path)
    photos = iter(plan.photos)
    wrote(plan, Result.failed(plan.photos[0], "bad_photo", "earlier, and made since"))
    wrote(plan, *(Result(next(photos), 1.0, tmp_path / "x", "sly", "c") for _ in range(made)))
    wrote(plan, *(Result.failed(next(photos), "no_face", "none") for _ in range(failed)))
    summary = summarise(plan)
    assert (summary.made, len(summary.failed), summary.left) == (made, failed, left)
    assert summary.reasons == ({"no_face": failed} if failed else {})
    assert summary.exit_code == code


# --- one photo ----------------------------------------------------------------------


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch, somebody: Avatar) -> Callable[[object], None]:
    """Replaces the road by a made-up pack, or by an error."""
    pack = pipeline.render(somebody, only=["sure"])

    def replace(error: object = None) -> None:
        def make(photo: Path, *, style: str) -> Pack:
            if isinstance(error, Exception):
                raise error
            return pack

        monkeypatch.setattr(job_module, "_road", lambda style: make)

    return replace


def test_a_pack_appears_whole(tmp_path: Path, made_up: Callable[..., None]) -> None:
    made_up()
    result = make_pack(Job(Path("/me.jpg"), tmp_path / "me", "sly"))
    assert result.error is None and result.folder == tmp_path / "me"
    assert result.style == "sly" and Avatar.from_code(result.code)
    assert "stickers/sure.webp" in files_of(tmp_path / "me")
    assert not list((tmp_path / UNFINISHED).iterdir())


def test_a_folder_of_that_name_keeps_what_else_is_in_it(
    tmp_path: Path, made_up: Callable[..., None]
) -> None:
    made_up()
    (tmp_path / "me" / ".writing-old").mkdir(parents=True)
    (tmp_path / "me" / "mine.md").write_text("keep")
    assert make_pack(Job(Path("/me.jpg"), tmp_path / "me", "sly")).error is None
    names = {p.name for p in (tmp_path / "me").iterdir()}
    assert names == {"mine.md", "avatar.json", "avatar.svg", "avatar.png", "sheet.png", "stickers"}


def test_an_error_nobody_foresaw_fails_its_photo(
    tmp_path: Path, made_up: Callable[..., None]
) -> None:
    made_up(ZeroDivisionError("odd"))
    error = make_pack(Job(Path("/me.jpg"), tmp_path / "me", "sly")).error
    assert error is not None and error.code == "unexpected"
    assert error.message.startswith("ZeroDivisionError at test_batch.py:")
    assert "/me.jpg" in error.message


def test_a_folder_that_refuses_one_photo_fails_it_and_one_that_refuses_all_ends_the_batch(
    tmp_path: Path, made_up: Callable[..., None]
) -> None:
    made_up()
    (tmp_path / "file").touch()
    error = make_pack(Job(Path("/me.jpg"), tmp_path / "file", "sly")).error
    assert error is not None and error.code == "cannot_write"
    with pytest.raises(CannotWrite, match="the same command then goes on"):
        make_pack(Job(Path("/me.jpg"), tmp_path / "file" / "me", "sly"))


# --- runs with stand-in work --------------------------------------------------------


def test_what_fails_or_dies_stops_nothing_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0", b="die", c="fail", d="0", e="0")
    plan = plan_batch([album, tmp_path / "gone"], tmp_path / "out")
    results = {r.photo.stem: r for r in run_batch(plan, workers=2, work=stand_in)}
    codes = {stem: r.error.code for stem, r in results.items() if r.error}
    assert codes == {"b": "worker_died", "c": "no_face", "gone": "photo_not_found"}
    assert results["b"].error and "use fewer workers" in results["b"].error.message
    made = {f"{n}/{f}" for n in "ade" for f in ("half.txt", "avatar.json")}
    assert set(files_of(plan.folder)) == made
    assert {r.photo: r for r in read_journal(plan.folder)} == {r.photo: r for r in results.values()}
    again = plan_batch([album, tmp_path / "gone"], tmp_path / "out")
    assert again.jobs == () and list(run_batch(again, work=dies_at_once)) == []
    assert (summarise(again).made, summarise(again).exit_code) == (3, 1)


def test_a_full_disk_ends_the_run_and_the_next_goes_on(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0", b="full", c="0")
    plan = plan_batch([album], tmp_path / "out")
    with pytest.raises(CannotWrite, match="no space left"):
        list(run_batch(plan, workers=1, work=stand_in))
    (album / "b.jpg").write_text("0")
    plan = plan_batch([album], tmp_path / "out")
    assert [j.photo.stem for j in plan.jobs] == ["b", "c"]


def test_a_run_that_is_closed_finishes_what_is_in_flight(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", **{f"p{n}": "0" for n in range(6)})
    plan = plan_batch([album], tmp_path / "out")
    with closing(run_batch(plan, workers=2, work=stand_in)) as results:
        next(results)
    done = read_journal(plan.folder)
    assert len(done) == 3
    assert {r.folder.name for r in done if r.folder} == {p.name for p in plan.folder.glob("p*")}
    assert summarise(plan).left == 3


def test_workers_that_cannot_start_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stickers.batch.workers._settle_in", refuse_to_start)
    plan = plan_batch([photos_in(tmp_path / "in", a="0")], tmp_path / "out")
    with pytest.raises(StickersError, match="cannot start"):
        list(run_batch(plan, workers=1, work=stand_in))
    assert summarise(plan).left == 1


def test_a_worker_that_died_while_idle_is_replaced(tmp_path: Path) -> None:
    album = photos_in(tmp_path / "in", a="0", b="0")
    first, second = plan_batch([album], tmp_path / "out").jobs
    others = set(multiprocessing.active_children())
    with closing(Local(stand_in, 1)) as crew:
        crew.submit(first)
        crew.collect()
        (process,) = set(multiprocessing.active_children()) - others
        process.kill()
        while not crew._idle[0]._pool._broken:
            time.sleep(0.01)
        crew.submit(second)
        assert crew.collect().error is None


RUN = """
import sys
from stand_in import stand_in
from stickers.batch import plan_batch, run_batch
if __name__ == "__main__":
    for result in run_batch(plan_batch([sys.argv[1]], sys.argv[2]), workers=2, work=stand_in):
        print(result.photo.stem, flush=True)
"""


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[Path, Path], subprocess.Popen[str]]]:
    script = tmp_path / "run.py"
    script.write_text(RUN)
    running: list[subprocess.Popen[str]] = []

    def start(album: Path, out: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, script, album, out],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
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


def test_a_killed_run_goes_on_to_the_same_files(
    tmp_path: Path, begin: Callable[[Path, Path], subprocess.Popen[str]]
) -> None:
    album = photos_in(tmp_path / "in", **{f"p{n}": "0.1" for n in range(8)})
    out = tmp_path / "out"
    for lines in (1, 2):
        process = begin(album, out)
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        # Its workers hold the pipes too: this ends only when they are gone as well.
        assert "Traceback" not in process.communicate(timeout=20)[1]
        assert {p.name for p in out.iterdir() if (p / "avatar.json").exists()} == {
            p.name for p in out.glob("p*")
        }
    with (out / JOURNAL).open("ab") as journal:
        journal.write(b'{"photo": "/in/p')
    plan = plan_batch([album], out)
    assert 0 < len(plan.jobs) <= 5
    list(run_batch(plan, workers=1, work=stand_in))
    expected = {f"p{n}/half.txt": f"p{n}.jpg".encode() for n in range(8)}
    assert files_of(out) == expected | {f"p{n}/avatar.json": b"{}" for n in range(8)}
    assert summarise(plan).exit_code == 0


def test_an_interrupt_leaves_a_journal_of_all_that_was_made(
    tmp_path: Path, begin: Callable[[Path, Path], subprocess.Popen[str]]
) -> None:
    album = photos_in(tmp_path / "in", **{f"p{n}": "0.2" for n in range(20)})
    process = begin(album, tmp_path / "out")
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    stderr = process.communicate(timeout=20)[1]
    assert stderr.rstrip().endswith("KeyboardInterrupt") and stderr.count("Traceback") == 1
    done = {r.folder for r in read_journal(tmp_path / "out") if r.folder}
    assert 2 <= len(done) < 20
    assert done == set((tmp_path / "out").glob("p*"))
    assert not (tmp_path / "out" / UNFINISHED).exists()


# --- the real thing -----------------------------------------------------------------


@pytest.fixture
def real_album(tmp_path: Path) -> Path:
    for folder in ("in/a", "in/b"):
        (tmp_path / folder).mkdir(parents=True)
    Image.fromarray(sample_photo().pixels).save(tmp_path / "in/a/me.png")
    Image.new("RGB", (64, 64), "gray").save(tmp_path / "in/a/wall.png")
    (tmp_path / "in/b/me.jpg").write_text("no picture")
    return tmp_path / "in"


def check_real(plan: Plan, results: list[Result]) -> None:
    named = {str(r.photo.relative_to(plan.photos[0].parents[1])): r for r in results}
    codes = {name: r.error.code for name, r in named.items() if r.error}
    assert codes == {"a/wall.png": "no_face", "b/me.jpg": "not_an_image"}
    made = named["a/me.png"]
    assert made.folder == plan.folder / "me" and made.ms > 0
    pack = pipeline.render(made.folder / "avatar.json")
    assert made.code == pack.avatar.code()
    for sticker in pack.stickers:
        assert (made.folder / "stickers" / f"{sticker.name}.svg").read_text() == sticker.svg
    assert summarise(plan).exit_code == 1


def test_photos_become_packs(tmp_path: Path, real_album: Path) -> None:
    plan = plan_batch([real_album], tmp_path / "out")
    check_real(plan, list(run_batch(plan, workers=1)))
    avatar = pipeline.make(real_album / "a" / "me.png").avatar
    assert (plan.folder / "me" / "avatar.json").read_text() == avatar.to_json()


@pytest.mark.ray
def test_photos_become_packs_on_ray(tmp_path: Path, real_album: Path) -> None:
    plan = plan_batch([real_album], tmp_path / "out")
    check_real(plan, list(run_batch(plan, workers=1, engine="ray")))


@pytest.mark.ray
def test_on_ray_what_fails_dies_or_ends_the_batch_does_so_as_at_home(tmp_path: Path) -> None:
    import ray

    album = photos_in(tmp_path / "in", a="0", b="fail", c="die", d="0", e="full")
    found = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, runtime_env=found)
    try:
        plan = plan_batch([album], tmp_path / "out")
        with pytest.raises(CannotWrite, match="no space left"):
            list(run_batch(plan, workers=1, engine="ray", work=stand_in))
        codes = {r.photo.stem: r.error and r.error.code for r in read_journal(plan.folder)}
        assert codes == {"a": None, "b": "no_face", "c": "worker_died", "d": None}
        (album / "e.jpg").write_text("0")
        plan = plan_batch([album], tmp_path / "out")
        assert [r.photo.stem for r in run_batch(plan, engine="ray", work=stand_in)] == ["e"]
        assert ray.is_initialized()  # a cluster that was there is left as it was
    finally:
        ray.shutdown()
