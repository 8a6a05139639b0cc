"""What the README shows is run, as it stands there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from stickers.embed import MODELS
from stickers.sample import sample_photo

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.M | re.S)
SHELL = [line for kind, text in BLOCKS if kind == "sh" for line in text.strip().splitlines()]
MODULES = {"stickers": "stickers", "raters": "rater_tools"}
NEED_PHOTOGRAPHS = ("train", "evaluate", "probe")


def commands() -> list[list[str]]:
    """Every command of the project in the README's blocks, as ``python -m`` takes it."""
    last = (line.split("&&")[-1].strip().removeprefix(".venv/bin/") for line in SHELL)
    split = (shlex.split(line) for line in last if line.startswith(tuple(MODULES)))
    return [[MODULES[name], *rest] for name, *rest in split]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the reader's photo in it, where the commands run one after another."""
    path = tmp_path_factory.mktemp("readme")
    (path / "photos").mkdir()
    for photo in ("me.jpg", "photos/me.jpg"):
        Image.fromarray(sample_photo().pixels).save(path / photo)
    (path / "class.csv").write_text("photo,name\nphotos/me.jpg,Me\n")
    shutil.copytree(MODELS, path / "mine" / "model")  # as `stickers train` would write it
    return path


def test_the_commands_run_as_printed(folder: Path) -> None:
    shown = [c for c in commands() if c[1] not in NEED_PHOTOGRAPHS]
    assert [c[1] for c in shown][:2] == ["make", "render"]
    for command in shown:
        run = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, (command, run.stderr)
    assert (folder / "out" / "sheet.png").is_file()


def test_the_python_runs_as_printed(folder: Path) -> None:
    (code,) = (text for kind, text in BLOCKS if kind == "python")
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"[\w-]+\n", run.stdout)


def test_the_commands_that_need_photographs_have_the_options_shown() -> None:
    shown = [c for c in commands() if c[1] in NEED_PHOTOGRAPHS]
    assert {c[1] for c in shown} == set(NEED_PHOTOGRAPHS)
    for command in shown:
        run = subprocess.run(
            [sys.executable, "-m", *command[:2], "--help"],
            capture_output=True,
            text=True,
            check=True,
            env={"COLUMNS": "120"},
        )
        assert all(option in run.stdout for option in command if option.startswith("-"))


def test_the_second_command_is_what_ci_runs() -> None:
    (line,) = (line for line in SHELL if "pytest" in line)
    assert line in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_pictures_it_shows_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).stat().st_size < 300_000


def test_the_figures_of_the_model_are_those_of_its_manifest() -> None:
    manifest = json.loads((ROOT / "stickers/models/manifest.json").read_text(encoding="utf-8"))
    rows = dict(re.findall(r"^\| (\w+) \| (0\.\d+) \|", README, flags=re.M))
    assert set(rows) == set(manifest["heads"])
    for trait, figure in rows.items():
        measured = manifest["metrics"]["traits"][trait]["model_rater"]["mean"]
        assert figure == f"{measured:.2f}", trait
