"""What a network learns from, and how: does it learn, resume, freeze, begin from weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.optim.swa_utils import AveragedModel

from stickers.errors import UnknownValue
from stickers.geometry import PROPORTIONS
from stickers.training import network as network_module
from stickers.training.augment import augment
from stickers.training.celeba import celeba_in, cut, read_celeba
from stickers.training.lessons import Lessons, join, tasks
from stickers.training.network import create_backbone, packaged_weights
from stickers.training.pretrain import Schedule, answers, outputs, pace, pretrain
from stickers.training.ratings import photo_digest
from stickers.traits import PREDICTED
from training_help import BACKBONE, TINY, celeba, people

pytestmark = pytest.mark.training
torch.set_num_threads(1)  # so small a network only waits for a second one

LONGER = Schedule(sides=(32,) * 6, batch=8, rate=3e-3, strength=0.2)


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
def lessons() -> Lessons:
    """Half of the pictures with CelebA's labels, half with a rater's skin tone."""
    faces = celeba()
    tones = np.zeros((16, 10), np.float32)
    tones[np.arange(16), np.where(np.arange(16) % 2, 2, 7)] = 1
    wanted = {t.name: np.full((16, len(t.predicted)), np.nan, np.float32) for t in PREDICTED}
    wanted["skin_tone"] = tones
    measures = np.random.default_rng(0).normal(0, 1, (16, PROPORTIONS)).astype(np.float32)
    measures[0] = np.nan
    return join(faces.crops[:16], faces.labels[:16], faces.crops[16:], wanted, measures)


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
