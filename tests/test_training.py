"""The whole loop on a handful of tiny made-up faces, from ratings to a model that is used."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stickers.embed import MODELS, fit, load_model
from stickers.errors import BadModel, BadRatings, UnknownValue
from stickers.geometry import PROPORTIONS
from stickers.training import data as rated
from stickers.training import network as network_module
from stickers.training import origin as origin_module
from stickers.training import train as module
from stickers.training.config import TrainConfig
from stickers.training.heads import (
    HeadConfig,
)
from stickers.training.network import create_backbone
from stickers.training.pretrain import Schedule
from stickers.training.train import train
from training_help import BACKBONE, TINY, celeba, people

pytestmark = pytest.mark.training
torch.set_num_threads(1)  # so small a network only waits for a second one


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
            landmarks = None

        return Found

    monkeypatch.setattr(rated, "find_face", found)
    # The pictures are so alike that they would count as one.
    monkeypatch.setattr(rated, "twins", lambda left, right: np.zeros(len(left), bool))
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ratings": Path("nowhere")}, BadRatings),
        ({"celeba": Path("nowhere")}, BadRatings),
        ({"backbone": "resnet18"}, UnknownValue),
        ({"seed": -1}, UnknownValue),
        ({"search": -1}, UnknownValue),
        ({"heads": HeadConfig(hidden=0, joint=True)}, UnknownValue),
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
def test_a_model_is_trained_from_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "labelled.csv").write_text("")
    monkeypatch.setattr(origin_module, "read_celeba", lambda pictures, table: celeba())
    monkeypatch.setattr(origin_module, "_KEPT", 0.3)
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
    assert model.side == 32
    kept = manifest_of(folder)["pretraining"]["held_out"]["pictures"]
    assert 48 + 16 < len(model.trained_on()) < 48 + 32 - kept
    manifest = manifest_of(folder)
    assert manifest["training"]["faces"]["train"] + manifest["training"]["faces"]["valid"] == 48
    assert manifest["pretraining"]["sides"] == [32, 32]

    before = (folder / "out" / manifest["file"]).read_bytes()
    lines.clear()
    train(config, lines.append)
    assert not [line for line in lines if line.startswith("epoch")]
    assert (folder / "out" / manifest["file"]).read_bytes() == before


def manifest_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "out" / "manifest.json").read_text())
    return document


@pytest.mark.usefixtures("none_held_out")
def test_a_backbone_of_the_hub_stays_as_it_is(folder: Path) -> None:
    """No hub is reached here: the weights are random, all else is as with the hub's."""
    config = TrainConfig(
        ratings=folder / "ratings.csv",
        output=folder / "out",
        backbone=f"timm/{BACKBONE}",
        start="random",
        views=0,
        search=2,
        heads=HeadConfig(epochs=20, rate=3e-3, batch=16),
    )
    model = load_model(train(config))
    assert model.side == 224
    assert model.manifest["backbone"] == f"timm/{BACKBONE}"
    assert "model card on the hub" in model.manifest["terms"]
    assert (folder / "out" / ".cache" / "search.db").is_file()
    assert model.name == f"faces-{BACKBONE}"


def test_a_hub_that_cannot_be_reached_is_one_clear_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no route to the hub")

    monkeypatch.setattr(network_module.timm, "create_model", refuse)
    with pytest.raises(BadModel, match="hub's weights cannot be had"):
        create_backbone(BACKBONE, 0, "hub")


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
    unknown = np.full((4, PROPORTIONS), np.nan, np.float32)
    images = np.stack([fit(p, model.side) for p in people(4, 96)])
    given = {"face": images, "proportions": unknown}
    vectors = [m.session.run(["embedding"], given)[0] for m in (model, shipped)]
    assert np.array_equal(*vectors)
    tones = model.session.run(["skin_tone"], given)[0].argmax(1)
    assert tones.tolist() == [7, 2, 7, 2]
    assert "The network:" in model.manifest["terms"]
