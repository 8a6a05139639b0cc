from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut, coffee

from stickers.avatar import Avatar, random_avatar
from stickers.embed import MODELS
from stickers.style import load_style
from stickers.traits import PREDICTED

COMMANDS = (
    "make", "analyze", "render", "random", "catalog", "batch", "export", "train", "evaluate",
    "probe", "app",
)  # fmt: skip


def stickers(*args: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "stickers", *map(str, args)],
        capture_output=True,
        text=True,
        env=os.environ | env,
        check=False,
    )


@pytest.fixture(scope="module")
def selfie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "selfie.jpg"
    Image.fromarray(astronaut()).save(path, quality=92)
    return path


@pytest.fixture(scope="module")
def made(selfie: Path) -> Path:
    """A pack, made once by the command."""
    folder = selfie.parent / "out"
    run = stickers("make", selfie, "-o", folder, "--set", "nose=button")
    assert run.returncode == 0, run.stderr
    assert f"{len(load_style('sly').scenes)} stickers" in run.stdout
    assert run.stderr == ""
    return folder


def test_make_writes_the_whole_pack_and_nothing_else(made: Path) -> None:
    names = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()}
    scenes = {Path(n).stem for n in names if n.startswith("stickers/")}
    assert len(scenes) >= 8
    expected = {f"stickers/{s}.{kind}" for s in scenes for kind in ("svg", "webp", "png")}
    assert names == expected | {"avatar.json", "avatar.svg", "avatar.png", "sheet.png"}
    assert all(p.stat().st_size <= 100_000 for p in made.rglob("*.webp"))
    assert not [p for p in made.iterdir() if p.name.startswith(".")]


def test_set_overrides_what_the_photo_says(made: Path) -> None:
    avatar = Avatar.from_json((made / "avatar.json").read_bytes())
    assert avatar.traits["nose"] == "button"
    assert "nose" not in avatar.confidence
    assert set(avatar.confidence) == {t.name for t in PREDICTED} - {"nose"}


def test_the_sample_stands_in_for_a_photo(tmp_path: Path) -> None:
    run = stickers("make", "--sample", "-o", tmp_path / "out", "--json")
    assert run.returncode == 0, run.stderr
    document = json.loads(run.stdout)
    assert all(Path(f).is_file() for f in document["files"])
    assert Avatar.from_json(json.dumps(document["avatar"])).style == "sly"


def test_analyze_prints_one_json_line_a_photo_failures_too(selfie: Path, tmp_path: Path) -> None:
    empty = tmp_path / "cup.png"
    Image.fromarray(coffee()).save(empty)
    run = stickers("analyze", selfie, empty, "--json")
    first, second = map(json.loads, run.stdout.splitlines())
    assert run.returncode == 1
    assert first["photo"] == str(selfie)
    x, y, w, h = first["face"]["box"]
    assert first["face"]["count"] == 1
    assert 150 < x + w / 2 < 290
    assert 60 < y + h / 2 < 180
    assert set(first["traits"]) == {t.name for t in PREDICTED}
    for name, guess in first["traits"].items():
        assert 0 <= guess["confidence"] <= 1, name
        assert all(0 <= p <= 1 for _, p in guess["top"])
    assert set(first["ms"]) == {"photo", "face", "embed", "attributes"}
    assert second == {
        "photo": str(empty),
        "error": {"code": "no_face", "message": second["error"]["message"]},
    }


def test_analyze_reads_well_without_a_terminal(selfie: Path) -> None:
    run = stickers("analyze", selfie)
    assert run.returncode == 0
    assert f"{selfie}: 1 face" in run.stdout
    assert "hair_style: " in run.stdout
    assert "\x1b" not in run.stdout


def test_render_draws_from_a_file_or_a_code_the_same(made: Path, tmp_path: Path) -> None:
    code = Avatar.from_json((made / "avatar.json").read_bytes()).code()
    for name, who in (("file", made / "avatar.json"), ("code", code)):
        run = stickers(
            "render", who, "-o", tmp_path / name, "--only", "sure,lol", "--formats", "svg,png",
            "--size", 96,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
    for name in ("sure.svg", "lol.svg", "sure.png", "lol.png"):
        one, other = ((tmp_path / n / "stickers" / name).read_bytes() for n in ("file", "code"))
        assert one == other
    with Image.open(tmp_path / "file" / "stickers" / "sure.png") as picture:
        assert picture.size == (96, 96)
    assert not list(tmp_path.rglob("*.webp"))


def test_random_with_a_seed_is_the_same_avatar_as_the_librarys(tmp_path: Path) -> None:
    run = stickers("random", "--seed", 7, "-o", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert random_avatar(7).code() in run.stdout


def test_catalog_prints_the_exact_number_and_the_stand_ins(sly) -> None:
    run = stickers("catalog")
    assert run.returncode == 0, run.stderr
    assert f"{sly.count():,}" in run.stdout
    document = json.loads(stickers("catalog", "--json").stdout)
    assert document["combinations"] == sly.count()
    assert document["stand_ins"] == [list(row) for row in sly.stand_ins()]
    assert document["problems"] == []


@pytest.fixture
def unusable(tmp_path: Path, selfie: Path) -> dict[str, Path]:
    """Inputs that no sticker can be made of, each with what it is."""
    (tmp_path / "text.jpg").write_text("this is no picture")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "cut.jpg").write_bytes(selfie.read_bytes()[:20_000])
    Image.new("1", (30_000, 30_000)).save(tmp_path / "huge.png")
    Image.fromarray(coffee()).save(tmp_path / "coffee.jpg")
    return {p.name: p for p in (*tmp_path.iterdir(), tmp_path / "missing.jpg")}


@pytest.mark.parametrize(
    "name", ["text.jpg", "empty.jpg", "cut.jpg", "huge.png", "coffee.jpg", "missing.jpg"]
)
def test_an_unusable_photo_gives_one_line_and_no_output(
    name: str, unusable: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = stickers("make", unusable[name], "-o", out)
    assert run.returncode == 3
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith("error: ")
    assert name in line
    assert not out.exists()


def test_an_unwritable_folder_gives_one_line(selfie: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    run = stickers("make", selfie, "-o", tmp_path / "file" / "out")
    assert run.returncode == 3
    (line,) = run.stderr.splitlines()
    assert line.startswith("error: cannot write")
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize(
    "args",
    [
        ("make", "-o", "out"),
        ("make", "--sample", "-o", "out", "--set", "nose=long"),
        ("make", "--sample", "-o", "out", "--set", "nose"),
        ("make", "--sample", "-o", "out", "--style", "none-such"),
        ("render", random_avatar(1).code(), "-o", "out", "--only", "none-such"),
        ("render", random_avatar(1).code(), "-o", "out", "--formats", "bmp"),
        ("no-such-command",),
        ("random",),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2_and_writes_nothing(
    args: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = stickers(*args)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_shows_an_example(command: str) -> None:
    run = stickers(command, "--help", COLUMNS="100")
    assert run.returncode == 0
    assert re.search(rf"Examples?:\s+stickers {command}", run.stdout)


LOADED = """
import sys
from stickers.cli import app
try:
    app({args!r})
except SystemExit as exc:
    assert not exc.code, exc.code
heavy = {{"torch", "timm", "gradio", "onnx", "sklearn", "ray"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def test_making_stickers_imports_neither_torch_nor_gradio(tmp_path: Path) -> None:
    args = ["make", "--sample", "-o", str(tmp_path / "out")]
    code = "import stickers; stickers.make\n" + LOADED.format(args=args)
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_and_catalog_load_no_model_library() -> None:
    code = LOADED.format(args=["catalog"])
    code += 'models = {"mediapipe", "cv2", "onnxruntime"}\nassert not models & set(sys.modules)'
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_photo_of_16_bits_makes_a_pack_too(selfie: Path, tmp_path: Path) -> None:
    gray = np.asarray(Image.open(selfie).convert("L")).astype(np.uint16) * 257
    Image.fromarray(gray).save(tmp_path / "gray.png")
    run = stickers("make", tmp_path / "gray.png", "-o", tmp_path / "out")
    assert run.returncode == 0, run.stderr


def test_evaluate_wants_ratings_or_celeba(tmp_path: Path) -> None:
    for given in ((), ("--ratings", "r.csv", "--celeba", "c.tar", "c.csv")):
        run = stickers("evaluate", *given)
        assert run.returncode == 2
        assert run.stderr.startswith("error: nothing, or two things, to evaluate on")
    run = stickers("evaluate", "--celeba", tmp_path / "no.tar", tmp_path / "no.csv")
    assert run.returncode == 3
    assert "no CelebA labels" in run.stderr


def test_another_model_is_used_at_once(selfie: Path, tmp_path: Path) -> None:
    shutil.copytree(MODELS, tmp_path / "mine")
    usual = json.loads(stickers("analyze", selfie, "--json").stdout)
    mine = json.loads(stickers("analyze", selfie, "--model", tmp_path / "mine", "--json").stdout)
    assert mine["traits"] == usual["traits"]
    run = stickers("make", selfie, "--model", tmp_path, "-o", tmp_path / "out")
    assert run.returncode == 3
    assert "a file of the model is missing" in run.stderr
