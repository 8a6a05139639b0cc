from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from batch_album import bad_files, good_files
from stand_in import files_of
from stickers.batch.folder import Folder
from stickers.batch.manifest import MANIFEST, read_manifest
from stickers.batch.page import PAGE
from stickers.batch.places import UNFINISHED
from stickers.batch.watch import Tally

LITTLE = ("--formats", "png", "--only", "sure")
"""Options that save what a test does not look at."""
COMMAND = (sys.executable, "-m", "stickers", "batch")
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""What takes from root the right to read everything."""


def batch(
    *args: object,
    command: Sequence[str] = COMMAND,
    cwd: Path | None = None,
    data: bytes = b"",
    **env: str,
) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a user does, in a process of its own."""
    return subprocess.run(
        [*command, *map(str, args)],
        cwd=cwd,
        input=data,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | env,
        check=False,
    )


def lines_of(out: Path) -> list[dict[str, object]]:
    """The manifest's lines without their times, sorted by name."""
    lines = [json.loads(line) for line in (out / MANIFEST).read_text().splitlines()]
    return sorted(({**line, "ms": 0} for line in lines), key=lambda line: str(line.get("name")))


def test_the_help_s_examples_work_as_printed(tmp_path: Path, selfies: Path) -> None:
    shutil.copytree(selfies, tmp_path / "photos")
    for extra in ("0003", "0004", "0005"):
        (tmp_path / "photos" / f"{extra}.jpg").unlink()
    (tmp_path / "class.csv").write_text("photo,name\nphotos/0001.jpg,Bea\nphotos/0002.jpg,Cleo\n")
    shown = batch("--help", COLUMNS="120").stdout.decode()
    examples = re.findall(r"^ *(stickers batch .*?) *$", shown, flags=re.M)
    assert len(examples) == 3
    for example in examples:
        run = batch(*shlex.split(example)[2:], cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        assert (tmp_path / shlex.split(example)[4] / PAGE).is_file()
    assert (tmp_path / "packs/0002/stickers/sure.webp").is_file()
    assert (tmp_path / "flat/0002.lol.png").is_file()
    with ZipFile(tmp_path / "zips/Cleo.zip") as archive:
        assert json.loads(archive.read("avatar.json"))["traits"]["outfit"] == "hoodie"


def test_bad_files_fail_with_their_reasons_and_all_good_ones_are_made(tmp_path: Path) -> None:
    good = good_files(tmp_path / "in", 8)
    bad = bad_files(tmp_path / "in" / "bad", 14)
    (tmp_path / "in" / "notes").write_text("not called a photo, and none")
    check_mixture(tmp_path, good, bad)


@pytest.mark.shared
@pytest.mark.load
def test_two_hundred_photographs_among_bad_files_go_through(tmp_path: Path, shared: Path) -> None:
    good = good_files(tmp_path / "in", 200, shared / "ratings" / "faces")
    bad = bad_files(tmp_path / "in" / "bad", 49)
    (tmp_path / "in" / "notes").write_text("not called a photo, and none")
    check_mixture(tmp_path, good, bad)


def check_mixture(root: Path, good: Sequence[Path], bad: dict[Path, str]) -> None:
    """Run over ``root / "in"`` and again: all good photos are made, all bad ones told."""
    command = (*AS_ANYBODY, *COMMAND) if os.geteuid() == 0 else COMMAND
    run = batch(root / "in", "-o", root / "out", *LITTLE, command=command)
    assert run.returncode == 1, run.stderr
    results = read_manifest(Folder(root / "out"))
    assert len(results) == len(good) + len(bad) + 1
    told = {r.photo: r.error.code for r in results if r.error}
    assert told == bad | {root / "in" / "notes": "not_an_image"}
    assert {r.photo for r in results if r.is_pack} == set(good)
    shown = run.stdout.decode()
    for code, count in Counter(bad.values()).items():
        assert re.search(rf"failed: {code} +\S +{count}\b", shown), code
    assert b"Traceback" not in run.stderr
    assert run.stderr.count(b"error: ") == len(bad)
    before = files_of(root / "out"), (root / "out" / MANIFEST).read_bytes()
    again = batch(root / "in", "-o", root / "out", *LITTLE, "--resume", command=command)
    assert again.returncode == 1
    assert b"were done before: nothing to do" in again.stdout
    assert (files_of(root / "out"), (root / "out" / MANIFEST).read_bytes()) == before


@pytest.mark.load
def test_ten_kills_and_resumes_end_with_the_same_files_as_an_undisturbed_run(
    tmp_path: Path,
) -> None:
    good_files(tmp_path / "in", 60)
    shutil.copyfile(tmp_path / "in/0007.jpg", tmp_path / "in/twin.jpg")
    args = (tmp_path / "in", "--workers", "2", *LITTLE)
    assert batch(*args, "-o", tmp_path / "whole").returncode == 0
    chance, cut = random.Random(4), 0
    for _ in range(10):
        run = subprocess.Popen(
            [*COMMAND, *map(str, args), "-o", str(tmp_path / "out"), "--resume"],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_photos(tmp_path / "out", cut + chance.randrange(6))
        time.sleep(chance.uniform(0, 0.5))
        run.send_signal(signal.SIGKILL)
        run.wait()
        done = len(read_manifest(Folder(tmp_path / "out")))
        assert done < 61
        cut = done
    assert batch(*args, "-o", tmp_path / "out", "--resume").returncode == 0
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
    names = [{path.name for path in (tmp_path / out).iterdir()} for out in ("out", "whole")]
    assert names[0] == names[1]
    assert lines_of(tmp_path / "out") == lines_of(tmp_path / "whole")


def wait_for_photos(out: Path, count: int) -> None:
    """Until the manifest has ``count`` lines: a moment that does not depend on the machine."""
    for _ in range(1200):
        if len(read_manifest(Folder(out))) >= count:
            return
        time.sleep(0.05)
    pytest.fail(f"{count} photos were not done in a minute")


def test_an_interrupt_finishes_what_is_in_flight_and_says_how_to_go_on(tmp_path: Path) -> None:
    good_files(tmp_path / "in", 12)
    args = [*COMMAND, str(tmp_path / "in"), "-o", str(tmp_path / "o ut"), "--workers=2", *LITTLE]
    run = subprocess.Popen(
        args,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for_photos(tmp_path / "o ut", 2)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the workers too
    stdout, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert b"Traceback" not in stderr
    done = read_manifest(Folder(tmp_path / "o ut"))
    assert 2 <= len(done) < 12 and all(r.is_pack for r in done)
    assert {p.parent.name for p in (tmp_path / "o ut").glob("*/sheet.png")} == {
        r.name for r in done
    }
    assert not (tmp_path / "o ut" / UNFINISHED).exists()
    assert re.search(rf"left to do +\S +{12 - len(done)}\b", stdout.decode())
    (again,) = re.findall(r"stopped; to go on: (stickers .*)", stderr.decode())
    assert batch(*shlex.split(again)[2:]).returncode == 0
    assert len(read_manifest(Folder(tmp_path / "o ut"))) == 12


def test_strict_stops_at_the_first_failure(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad_files(bad, 1)
    good_files(good, 6)
    run = batch(bad, good, "-o", tmp_path / "out", "--strict", "--workers", 1, *LITTLE)
    assert run.returncode == 1
    assert 1 <= len(read_manifest(Folder(tmp_path / "out"))) < 4
    assert b"stopped; to go on: " in run.stderr


def test_a_list_on_standard_input_and_events_for_programs(tmp_path: Path, selfies: Path) -> None:
    listed = f"{selfies}/0000.jpg\n{selfies}/gone.jpg\n".encode()
    run = batch("-", "-o", tmp_path / "out", "--json", *LITTLE, data=listed)
    assert run.returncode == 1 and run.stderr == b""
    events = [json.loads(line) for line in run.stdout.splitlines()]
    kinds = [event["event"] for event in events if event["event"] != "progress"]
    assert kinds == ["start", "photo", "photo", "end"]
    photos = {e["name"]: e for e in events if e["event"] == "photo"}
    assert photos["0000"]["status"] == "made" and photos["0000"]["code"]
    assert photos["gone"]["error"]["code"] == "photo_not_found"
    assert events[0]["photos"] == events[0]["todo"] == 2
    assert (events[-1]["made"], events[-1]["failed"], events[-1]["exit_code"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--flat", "--zip"], "choose one"),
        (["--only", "nonesuch"], "no sticker 'nonesuch'"),
        (["--formats", "gif"], "no format 'gif'"),
        (["--set", "nose"], "not TRAIT=VALUE"),
        (["--address", "auto"], "add --engine ray"),
    ],
)
def test_wrong_usage_is_one_line(tmp_path: Path, args: list[str], said: str) -> None:
    run = batch(tmp_path / "a.jpg", "-o", tmp_path / "out", *args)
    assert run.returncode == 2
    assert said in run.stderr.decode() and run.stderr.count(b"\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_tally_tells_the_rate_and_the_time_left() -> None:
    assert str(Tally(100, 0, 0, 0.5)) == "0 of 100 done, 0.0 a second"
    assert str(Tally(4000, 100, 3, 50.0)) == (
        "100 of 4000 done, 3 failed, 2.0 a second, 32 min 30 s left"
    )
    assert Tally(90_000, 100, 0, 50.0).as_json() == {
        "event": "progress", "done": 100, "failed": 0, "total": 90_000, "rate": 2.0,
        "left_s": 44950.0,
    }  # fmt: skip
