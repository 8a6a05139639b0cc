from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stickers.errors import CannotWrite
from stickers.output import staged, whole


def test_files_appear_together_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("keep")
    (folder / "a.txt").write_text("old")
    with staged(folder) as stage:
        (stage / "sub").mkdir()
        (stage / "sub" / "b.txt").write_text("new")
        (stage / "a.txt").write_text("new")
        assert (folder / "a.txt").read_text() == "old"
    assert sorted(p.name for p in folder.rglob("*")) == ["a.txt", "b.txt", "mine.txt", "sub"]
    assert (folder / "a.txt").read_text() == "new"


def test_a_failure_leaves_everything_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "where"
    with pytest.raises(RuntimeError), staged(folder) as stage:
        (stage / "half.txt").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", ["file", "file/deeper"])
def test_a_place_that_cannot_be_written_is_told_before_any_work(
    tmp_path: Path, inside: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotWrite, match="choose another folder"), staged(tmp_path / inside):
        pytest.fail("the work was begun")


SLOW = """
import sys, time
from pathlib import Path
from stickers.output import staged, whole
with staged(Path(sys.argv[1])) as stage:
    (stage / "half.txt").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_no_half_written_file(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == []


def test_a_single_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.bin"
    with pytest.raises(RuntimeError), whole(path) as part:
        part.write_bytes(b"half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    with whole(path) as part:
        part.write_bytes(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert list(path.parent.iterdir()) == [path]
