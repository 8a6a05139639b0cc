"""The promises that the code itself keeps."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from stickers import errors

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "stickers").rglob("*.py"))


@pytest.mark.parametrize(
    "command", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)], ids=" ".join
)
def test_lint_format_and_types_are_clean(command: tuple[str, ...]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_modules_stay_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_input_is_never_checked_with_assert(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Assert)]


def test_the_error_tree_is_drawn_whole_and_every_code_is_unique() -> None:
    kinds = [
        k
        for k in vars(errors).values()
        if isinstance(k, type) and issubclass(k, errors.StickersError)
    ]
    drawn = errors.__doc__ or ""
    assert all(k.__name__ in drawn for k in kinds)
    assert len({k.code for k in kinds}) == len(kinds)


def test_errors_travel_between_processes_whole() -> None:
    told = errors.NoFace("no face found", where="me.jpg", hint="come closer")
    again = pickle.loads(pickle.dumps(told))
    assert (type(again), str(again), again.where) == (errors.NoFace, str(told), "me.jpg")
    assert str(told) == "no face found, me.jpg: come closer"
