"""The whole loop on a handful of tiny made-up faces: does it learn, resume and export."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from skimage import data as pictures
from torch.optim.swa_utils import AveragedModel

from stickers.embed import MODELS, fit, load_model
from stickers.errors import BadModel, BadRatings, UnknownValue
from stickers.geometry import PROPORTIONS
from stickers.training import data as rated
from stickers.training import network as network_module
from stickers.training import origin as origin_module
from stickers.training import train as module
from stickers.training.augment import augment
from stickers.training.celeba import CelebA, celeba_in, cut, read_celeba
from stickers.training.config import TrainConfig
from stickers.training.export import (
    attach_heads,
    detach_heads,
    export_network,
    halve,
)
from stickers.training.heads import (
    Head,
    HeadConfig,
)
from stickers.training.lessons import Lessons, join, tasks
from stickers.training.network import Features, create_backbone, packaged_weights
from stickers.training.pretrain import Schedule, answers, outputs, pace, pretrain
from stickers.training.ratings import photo_digest
from stickers.training.train import train
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
        digests=tuple(f"{i:012x}" for i in range(count)),
    )


@pytest.fixture(scope="module")
def features() -> Features:
    torch.manual_seed(0)
    return Features(create_backbone(BACKBONE, 7), 64, 2, torch.full((PROPORTIONS,), 0.25))


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
            landmarks = None

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
    data = read_celeba(*celeba_in(tmp_path))
    assert data.crops.shape == (6, 144, 144, 3)
    assert data.labels.tolist()[1] == [1, 1]
    assert data.digests[0] == photo_digest(tmp_path / "0.jpg")
    only = np.array([False, False, True, False, False, False])
    assert data.held_out(0, 0.0, only).tolist() == [False, False, True, True, False, False]


def test_a_cut_is_centred_on_the_face() -> None:
    picture = np.zeros((218, 178, 3), np.uint8)
    picture[100:105, 87:92] = 255
    bright = np.argwhere(cut(picture, 202)[..., 0] > 128).mean(0)
    assert np.allclose(bright, (101, 101), atol=1.5)


@pytest.fixture
def lessons(celeba: CelebA) -> Lessons:
    """Half of the pictures with CelebA's labels, half with a rater's skin tone."""
    tones = np.zeros((16, 10), np.float32)
    tones[np.arange(16), np.where(np.arange(16) % 2, 2, 7)] = 1
    wanted = {t.name: np.full((16, len(t.predicted)), np.nan, np.float32) for t in PREDICTED}
    wanted["skin_tone"] = tones
    measures = np.random.default_rng(0).normal(0, 1, (16, PROPORTIONS)).astype(np.float32)
    measures[0] = np.nan
    return join(celeba.crops[:16], celeba.labels[:16], celeba.crops[16:], wanted, measures)


def test_what_the_other_set_would_have_said_is_unknown(lessons: Lessons) -> None:
    known = {task.name: ~np.isnan(lessons.known[:, task.columns]) for task in lessons.tasks}
    assert [task.name for task in lessons.tasks] == [
        "celeba",
        *(t.name for t in PREDICTED),
        "proportions",
    ]
    assert known["celeba"][:16].all()
    assert not known["celeba"][16:].any()
    assert known["skin_tone"][16:].all()
    assert not known["skin_tone"][:16].any()
    assert not known["lips"].any()
    assert not known["proportions"][16].any()
    assert known["proportions"][17:].all()
    assert lessons.tasks[-1].columns.stop == lessons.known.shape[1]


def test_pretraining_learns_and_goes_on_after_a_stop(lessons: Lessons, tmp_path: Path) -> None:
    lines: list[str] = []

    def run(schedule: Schedule, path: Path) -> torch.nn.Module:
        return pretrain(lessons, schedule, path, backbone=BACKBONE, progress=lines.append)

    run(replace(LONGER, teach=1.0, freeze=1.0), tmp_path / "a.pt")
    losses = [float(line.split("loss ")[1].split(",")[0]) for line in lines]
    assert losses[-1] < 0.8 * losses[0]

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    whole = run(TINY, tmp_path / "a.pt")  # another run's checkpoint is not gone on from
    lines.clear()
    with pytest.raises(KeyboardInterrupt):
        pretrain(lessons, TINY, tmp_path / "b.pt", backbone=BACKBONE, progress=stop)
    resumed = run(TINY, tmp_path / "b.pt")
    assert len(lines) == 1
    assert lines[0].startswith("epoch 2/2")
    assert not list(tmp_path.glob("*.part"))
    for left, right in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(left, right, atol=1e-4)
    told = outputs(whole, list(lessons.crops), 32)
    assert told.shape == lessons.known.shape


def test_the_network_answers_for_those_who_were_not_asked(lessons: Lessons) -> None:
    torch.manual_seed(0)
    model = create_backbone(BACKBONE, lessons.known.shape[1])
    found = answers(AveragedModel(model), lessons, 32)
    for task in lessons.tasks:
        rows = found[:, task.columns]
        assert np.isfinite(rows).all()
        if task.kind == "one":
            assert np.allclose(rows.sum(1), 1, atol=1e-5)


def test_early_layers_stay_as_they_are_once_frozen(lessons: Lessons, tmp_path: Path) -> None:
    def first_and_last(schedule: Schedule, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        model = pretrain(lessons, schedule, tmp_path / name, backbone=BACKBONE)
        every = dict(model.named_parameters())
        return every["conv_stem.weight"], every["blocks.4.0.conv.weight"]

    begun = dict(create_seeded().named_parameters())["conv_stem.weight"]
    frozen, free = (
        first_and_last(replace(TINY, freeze=share, teach=1.0), f"{share}.pt")
        for share in (0.0, 1.0)
    )
    assert torch.equal(frozen[0], begun)
    assert not torch.equal(free[0], begun)
    assert not torch.equal(frozen[1], free[1])


def create_seeded() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_backbone(BACKBONE, tasks(2)[-1].columns.stop)


def test_packaged_weights_are_the_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = create_backbone("tf_efficientnet_lite0", 5, "packaged")
    path = packaged_weights("tf_efficientnet_lite0")
    assert path is not None
    weights = list(torch.load(path, weights_only=True).values())
    own = list(model.state_dict().values())
    assert torch.equal(own[0], weights[0])
    assert torch.equal(own[100], weights[100])
    assert own[-1].shape == (5,)
    assert packaged_weights("resnet18") is None
    monkeypatch.setitem(network_module.PACKAGED, "tf_efficientnet_lite0", "not_installed_here")
    assert packaged_weights("tf_efficientnet_lite0") is None


def test_the_rate_warms_up_and_falls() -> None:
    paces = [pace(step / 100, 10) for step in range(100)]
    assert paces[0] < paces[5] < paces[10]
    assert paces[10] > paces[50] > paces[99] > 0


@pytest.mark.parametrize("hidden", [0, 5])
def test_the_exported_file_says_what_torch_says(
    features: Features, network: object, hidden: int
) -> None:
    images = people(3, 64)
    measured = np.random.default_rng(0).normal(0, 1, (3, PROPORTIONS)).astype(np.float32)
    measured[1] = np.nan
    with torch.inference_mode():
        expected, maps, told = (
            t.numpy() for t in features(torch.from_numpy(images), torch.from_numpy(measured))
        )
    assert np.allclose(expected[1, -PROPORTIONS:], 0.25)
    heads = heads_for(expected.shape[1], hidden)
    model = halve(attach_heads(network, heads))
    data = model.SerializeToString()
    assert len(data) < 0.7 * len(attach_heads(network, heads).SerializeToString())
    session = onnxruntime.InferenceSession(data)
    for count in (1, 3):
        given = {"face": images[:count], "proportions": measured[:count]}
        vector, own_maps, own_told, *logits = session.run(None, given)
        for mine, theirs in ((vector, expected), (own_maps, maps), (own_told, told)):
            assert np.abs(mine - theirs[:count]).max() < 0.02 * theirs.std()
        for trait, row in zip(PREDICTED, logits, strict=True):
            want = heads[trait.name].logits(expected[:count])
            assert np.allclose(row, want, atol=0.05 * max(1.0, float(np.abs(want).max())))
    bare = detach_heads(model)
    assert [o.name for o in bare.graph.output] == ["embedding", "maps", "celeba"]
    again = onnxruntime.InferenceSession(bare.SerializeToString())
    assert np.array_equal(again.run(None, given)[0], vector)
    assert halve(attach_heads(bare, heads)).ByteSize() == model.ByteSize()


def test_a_shared_layer_is_written_once(network: object) -> None:
    alone = heads_for(features_width(network), 5)
    first = alone["lips"].layers[0]
    joint = {name: Head((first, *head.layers[1:]), 0, 1) for name, head in alone.items()}
    model = attach_heads(network, joint)
    spared = attach_heads(network, alone).ByteSize() - model.ByteSize()
    assert spared > (len(PREDICTED) - 1) * first[0].nbytes
    vector, *_, marks = onnxruntime.InferenceSession(model.SerializeToString()).run(
        None, {"face": people(2, 64), "proportions": np.zeros((2, PROPORTIONS), np.float32)}
    )
    want = joint["marks"].logits(vector)
    assert np.allclose(marks, want, rtol=1e-3, atol=1e-3 * float(np.abs(want).max()))


def features_width(network: object) -> int:
    return network.graph.output[0].type.tensor_type.shape.dim[1].dim_value  # type: ignore[attr-defined]


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
def test_a_model_is_trained_from_nothing(
    folder: Path, celeba: CelebA, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "labelled.csv").write_text("")
    monkeypatch.setattr(origin_module, "read_celeba", lambda pictures, table: celeba)
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
