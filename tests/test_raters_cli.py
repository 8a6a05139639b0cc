"""The command: what each does, and that what fails is one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from raters_help import ROOT, photographs


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rater_tools", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "RATERS_DB": str(folder / "r.db")},
    )
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1
        return done.stderr
    return done.stdout


def test_a_demo_from_nothing_is_reported_and_exported(tmp_path: Path) -> None:
    assert "24 new items, 768 new answers" in run(tmp_path, "demo")
    assert "Ada (made up): 384 answers" in run(tmp_path, "progress")
    overview = json.loads(run(tmp_path, "progress", "--json"))
    assert overview["items"] == 24
    assert "draw next in page.html" in run(tmp_path, "report", "-o", "page.html")
    assert (tmp_path / "page.html").stat().st_size > 100_000
    assert "816 ratings in out/ratings.csv" in run(tmp_path, "export", "out")
    assert "768 lines" in run(tmp_path, "export", "log.jsonl")
    assert "24 tasks" in run(tmp_path, "export", "tasks.json")


def test_from_a_folder_of_photos_to_tasks_and_raters(tmp_path: Path) -> None:
    photographs(tmp_path / "photos", 3, 32)
    told = run(tmp_path, "import", "photos", "--overlap", "2", "--attributes", "lips,nose")
    assert "3 new items" in told
    assert "6 tasks for 2 raters each" in told
    (tmp_path / "known.csv").write_text("item,attribute,value\np000,lips,thin\n")
    assert "1 known" in run(tmp_path, "gold", "known.csv")
    run(tmp_path, "add", "Ada")
    run(tmp_path, "pause", "Ada")
    assert "Ada (paused): 0 answers" in run(tmp_path, "progress")
    run(tmp_path, "resume", "Ada")
    assert "paused" not in run(tmp_path, "progress")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("import", "nowhere"), 3, "nothing to import, nowhere"),
        (("plan", "--attributes", "aura"), 2, "no attribute 'aura'"),
        (("pause", "Nobody"), 2, "no rater 'Nobody'"),
        (("judge",), 3, "too few rated photos"),
        (("export", "out.xlsx"), 2, "cannot export as .xlsx"),
        (("serve", "--host", "0.0.0.0"), 2, "without a code"),
        (("progress", "--db", "nowhere/r.db"), 3, "cannot open the ratings"),
    ],
)
def test_what_fails_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    assert message in run(tmp_path, *arguments, code=code)
