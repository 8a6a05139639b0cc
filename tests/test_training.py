"""The whole loop on a handful of tiny made-up faces: does it learn, resume and export."""

import csv
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from skimage import data as pictures

from stickers.embed import MODELS, fit, load_model
from stickers.errors import BadRatings, UnknownValue
from stickers.training import data as rated
from stickers.training import train as module
from stickers.training.augment import augment
from stickers.training.celeba import CelebA, cut, read_celeba
from stickers.training.export import (
    attach_heads,
    detach_heads,
    export_network,
    halve,
)
from stickers.training.heads import (
    Head,
    HeadConfig,
    calibrate,
    fit_heads,
    pick_thresholds,
)
from stickers.training.network import Features, cells, create_backbone
from stickers.training.pretrain import Schedule, pace, pretrain, score
from stickers.training.train import TrainConfig, train
from stickers.traits import PREDICTED

pytestmark = pytest.mark.training
torch.set_num_threads(1)  # so small a network only waits for a second one

BACKBONE = "mobilenetv4_conv_small_035"
TINY = Schedule(sides=(32, 32), batch=8, rate=3e-3)
LONGER = Schedule(sides=(32,) * 6, batch=8, rate=3e-3, strength=0.2)


def people(count: int, side: int = 144) -> np.ndarray:
    """Variations of one face: the even ones dark, the odd ones light."""
    whole = np.asarray(Image.fromarray(pictures.astronaut()[0:230, 110:340]).resize((side, side)))
    shades = np.where(np.arange(count) % 2, 1.0, 0.35)[:, None, None, None]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 20, (count, side, side, 3))
    return np.clip(whole * shades + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def celeba() -> CelebA:
    count = 32
    light = (np.arange(count) % 2).astype(np.uint8)
    return CelebA(
        files=tuple(f"{i}.jpg" for i in range(count)),
        identities=np.arange(count) // 2,
        attributes=("Light", "Dark"),
        labels=np.stack([light, 1 - light], 1),
        crops=people(count),
        hashes=np.zeros((count, 32), np.uint8),
    )


@pytest.fixture(scope="module")
def features() -> Features:
    torch.manual_seed(0)
    return Features(create_backbone(BACKBONE, 2), 128, 64)


def heads_for(width: int, hidden: int = 0) -> dict[str, Head]:
    rng = np.random.default_rng(0)

    def layer(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        weight = rng.normal(0, 0.02, (rows, columns)).astype(np.float32)
        return weight, rng.normal(size=columns).astype(np.float32)

    sizes = {t.name: len(t.predicted) for t in PREDICTED}
    if hidden:
        return {n: Head((layer(width, hidden), layer(hidden, k)), 0, 1) for n, k in sizes.items()}
    return {name: Head((layer(width, k),), 0, 1) for name, k in sizes.items()}


@pytest.fixture(scope="module")
def network(features: Features) -> object:
    return export_network(features)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 48 rated pictures; the face finder is replaced by the picture itself."""
    (tmp_path / "faces").mkdir()
    with (tmp_path / "ratings.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["item", "rater", "attribute", "value"])
        for i, pixels in enumerate(people(48, side=96)):
            Image.fromarray(pixels).save(tmp_path / "faces" / f"p{i}.png")
            for rater in "ab" if i % 3 else "a":
                rows.writerow([f"p{i}", rater, "skin_tone", "3" if i % 2 else "8"])
                rows.writerow([f"p{i}", rater, "lips", "thin"])

    def found(photo: object) -> object:
        class Found:
            crop = photo.pixels  # type: ignore[attr-defined]

        return Found

    monkeypatch.setattr(rated, "find_face", found)
    # The pictures are so alike that they would count as one.
    monkeypatch.setattr(rated, "twins", lambda left, right: np.zeros(len(left), bool))
    return tmp_path


def hold_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every face is for training or validation, so that no real photo road is needed."""
    monkeypatch.setattr(rated, "TEST_OF_DOUBLES", 0.0)
    monkeypatch.setattr(rated, "TEST_OF_SINGLES", 0.0)
    monkeypatch.setattr(rated, "VALID", 0.3)


def test_cells_are_means() -> None:
    for side, grid in ((9, 2), (36, 4), (5, 5)):
        matrix = cells(side, grid)
        assert torch.allclose(matrix.sum(1), torch.ones(grid))
        assert torch.allclose(matrix.mean(0) * grid * side / grid, torch.ones(side), atol=1e-5)


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(UnknownValue, match="no backbone 'mobilenetv9'"):
        create_backbone("mobilenetv9", 2)


def test_augmented_faces_are_reproducible_and_differ() -> None:
    crop = people(1)[0]
    once = augment(crop, 64, np.random.default_rng(1))
    assert once.shape == (64, 64, 3)
    assert once.dtype == np.uint8
    assert np.array_equal(once, augment(crop, 64, np.random.default_rng(1)))
    assert not np.array_equal(once, augment(crop, 64, np.random.default_rng(2)))


def test_celeba_is_read_and_whole_people_are_held_out(tmp_path: Path) -> None:
    rows = ["file,identity,native,Male,Smiling"]
    for i in range(6):
        Image.fromarray(people(1, 128)[0]).save(tmp_path / f"{i}.jpg")
        rows.append(f"{i}.jpg,{i // 2},178x218,{i % 2},1")
    (tmp_path / "labelled.csv").write_text("\n".join(rows))
    data = read_celeba(tmp_path)
    assert data.crops.shape == (6, 144, 144, 3)
    assert data.labels.tolist()[1] == [1, 1]
    only = np.array([False, False, True, False, False, False])
    assert data.held_out(0, 0.0, only).tolist() == [False, False, True, True, False, False]
    (tmp_path / "5.jpg").unlink()
    with pytest.raises(BadRatings, match="without its picture"):
        read_celeba(tmp_path)


def test_a_cut_is_centred_on_the_face() -> None:
    picture = np.zeros((218, 178, 3), np.uint8)
    picture[100:105, 87:92] = 255
    bright = np.argwhere(cut(picture, 202)[..., 0] > 128).mean(0)
    assert np.allclose(bright, (101, 101), atol=1.5)


def test_pretraining_learns_and_goes_on_after_a_stop(celeba: CelebA, tmp_path: Path) -> None:
    kept = np.arange(32) >= 28
    lines: list[str] = []

    def run(schedule: Schedule, path: Path) -> torch.nn.Module:
        return pretrain(celeba, kept, schedule, path, backbone=BACKBONE, progress=lines.append)

    run(LONGER, tmp_path / "a.pt")
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in lines]
    assert losses[-1] < 0.8 * losses[0]

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    whole = run(TINY, tmp_path / "a.pt")  # another run's checkpoint is not gone on from
    lines.clear()
    with pytest.raises(KeyboardInterrupt):
        pretrain(celeba, kept, TINY, tmp_path / "b.pt", backbone=BACKBONE, progress=stop)
    resumed = run(TINY, tmp_path / "b.pt")
    assert len(lines) == 1
    assert lines[0].startswith("epoch 2/2")
    assert not list(tmp_path.glob("*.part"))
    for left, right in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(left, right, atol=1e-5)
    accuracy, balanced = score(whole, celeba, kept, 32)
    assert accuracy.shape == balanced.shape == (2,)


def test_the_rate_warms_up_and_falls() -> None:
    paces = [pace(step / 100, 10) for step in range(100)]
    assert paces[0] < paces[5] < paces[10]
    assert paces[10] > paces[50] > paces[99] > 0


@pytest.mark.parametrize("hidden", [0, 5])
def test_the_exported_file_says_what_torch_says(
    features: Features, network: object, hidden: int
) -> None:
    images = people(3, 128)
    with torch.inference_mode():
        expected = features(torch.from_numpy(images)).numpy()
    heads = heads_for(expected.shape[1], hidden)
    model = halve(attach_heads(network, heads))
    data = model.SerializeToString()
    assert len(data) < 0.7 * len(attach_heads(network, heads).SerializeToString())
    session = onnxruntime.InferenceSession(data)
    for count in (1, 3):
        vector, *logits = session.run(None, {"face": images[:count]})
        spread = expected.std()
        assert np.abs(vector - expected[:count]).max() < 0.02 * spread
        for trait, row in zip(PREDICTED, logits, strict=True):
            want = heads[trait.name].logits(expected[:count])
            assert np.allclose(row, want, atol=0.05 * max(1.0, float(np.abs(want).max())))
    bare = detach_heads(model)
    assert [o.name for o in bare.graph.output] == ["embedding"]
    again = onnxruntime.InferenceSession(bare.SerializeToString())
    assert np.array_equal(again.run(None, {"face": images})[0], vector)
    assert halve(attach_heads(bare, heads)).ByteSize() == model.ByteSize()


def test_heads_learn_and_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(3, 2, (400, 12)).astype(np.float32)
    known = {t.name: np.full((400, len(t.predicted)), np.nan, np.float32) for t in PREDICTED}
    known["lips"] = np.eye(3, dtype=np.float32)[vectors[:, :3].argmax(1)]
    marks = (vectors[:, :6] > 3).astype(np.float32)
    known["marks"] = marks
    config = HeadConfig(epochs=60, patience=60, batch=64, rate=0.02, dropout=0.0, decay=0.0)
    heads = fit_heads(
        vectors[:300, None],
        {n: rows[:300] for n, rows in known.items()},
        vectors[300:],
        {n: rows[300:] for n, rows in known.items()},
        config,
    )
    assert list(heads) == [t.name for t in PREDICTED]
    guess = heads["lips"].logits(vectors[300:]).argmax(1)
    assert (guess == known["lips"][300:].argmax(1)).mean() > 0.85
    said = heads["marks"].logits(vectors[300:]) > 0
    assert (said == (marks[300:] > 0)).mean() > 0.85
    assert len(heads["marks"].thresholds) == 6
    assert heads["lips"].thresholds == ()


def test_calibration_finds_an_overconfident_heads_temperature() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (4000, 3)).astype(np.float32)
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([rng.choice(3, p=row / row.sum()) for row in chances.astype(float)])
    temperature, _ = calibrate(logits * 2, np.eye(3, dtype=np.float32)[truth], "lips")
    assert temperature == pytest.approx(2, rel=0.15)


def test_thresholds_are_where_sets_agree_best() -> None:
    chance = np.array([[0.3], [0.35], [0.1], [0.05]], np.float32)
    truth = np.array([[1], [1], [0], [0]], np.float32)
    assert 0.2 <= pick_thresholds(chance, truth)[0] <= 0.3


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ratings": Path("nowhere")}, BadRatings),
        ({"celeba": Path("nowhere")}, BadRatings),
        ({"backbone": "resnet18"}, UnknownValue),
        ({"seed": -1}, UnknownValue),
        ({"schedule": Schedule(sides=())}, UnknownValue),
    ],
)
def test_settings_that_cannot_work_are_refused(
    folder: Path, changes: dict[str, object], error: type[Exception]
) -> None:
    settings = {"ratings": folder, "output": folder / "out"} | changes
    with pytest.raises(error):
        TrainConfig(**settings).validate()  # type: ignore[arg-type]


@pytest.fixture
def none_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few faces are enough when none are kept for a test of the model."""
    monkeypatch.setattr(module, "evaluate", None)
    monkeypatch.setattr(rated, "TEST_OF_DOUBLES", 0.0)
    monkeypatch.setattr(rated, "TEST_OF_SINGLES", 0.0)
    monkeypatch.setattr(rated, "VALID", 0.3)


@pytest.mark.usefixtures("none_held_out")
def test_a_model_is_trained_from_nothing(
    folder: Path, celeba: CelebA, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "labelled.csv").write_text("")
    monkeypatch.setattr(module, "read_celeba", lambda path: celeba)
    monkeypatch.setattr(module, "SIDE", 96)
    monkeypatch.setattr(module, "VIEW", 32)
    config = TrainConfig(
        ratings=folder,
        output=folder / "out",
        celeba=folder,
        backbone=BACKBONE,
        schedule=TINY,
        views=1,
        heads=HeadConfig(epochs=2),
    )
    lines: list[str] = []
    model = load_model(train(config, lines.append))
    assert model.side == 96
    assert len(model.trained_on()) == 48
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert manifest["training"]["faces"]["train"] + manifest["training"]["faces"]["valid"] == 48
    assert manifest["pretraining"]["sides"] == [32, 32]

    before = (folder / "out" / manifest["file"]).read_bytes()
    lines.clear()
    train(config, lines.append)
    assert not [line for line in lines if line.startswith("epoch")]
    assert (folder / "out" / manifest["file"]).read_bytes() == before


@pytest.mark.usefixtures("none_held_out")
def test_new_heads_for_the_shipped_network(folder: Path) -> None:
    config = TrainConfig(
        ratings=folder,
        output=folder / "out",
        views=0,
        heads=HeadConfig(epochs=20, rate=3e-3, batch=16),
    )
    model = load_model(train(config))
    shipped = load_model(MODELS)
    images = np.stack([fit(p, model.side) for p in people(4, 96)])
    vectors = [m.session.run(["embedding"], {"face": images})[0] for m in (model, shipped)]
    assert np.array_equal(*vectors)
    tones = model.session.run(["skin_tone"], {"face": images})[0].argmax(1)
    assert tones.tolist() == [7, 2, 7, 2]
    assert "The network:" in model.manifest["terms"]
