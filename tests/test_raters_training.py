"""The loop closes: ratings made through the tool, exported, train a head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rater_tools.assignment import Desk
from rater_tools.exports import write_csv
from rater_tools.imports import import_path
from rater_tools.plan import plan
from rater_tools.store import open_store
from raters_help import photographs, raters, says
from stickers.embed import embed, load_model
from stickers.face import find_face
from stickers.photo import load_photo
from stickers.training import data as rated
from stickers.training import train as module
from stickers.training.heads import HeadConfig
from stickers.training.train import TrainConfig, train
from stickers.traits import TRAITS

pytestmark = pytest.mark.training
torch.set_num_threads(1)


def test_a_hundred_ratings_train_a_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # So few photographs of one person: none is held out, and none is another's twin.
    monkeypatch.setattr(module, "evaluate", None)
    monkeypatch.setattr(rated, "TEST_OF_SINGLES", 0.0)
    monkeypatch.setattr(rated, "VALID", 0.3)
    photos = photographs(tmp_path / "photos", 50, side=200)
    store = open_store(str(tmp_path / "ratings.db"))
    import_path(store, photos)
    plan(store, ("skin_tone", "lips"), overlap=1)
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "Ada")
    while given := desk.take(ada, "skin_tone"):
        light = np.asarray(Image.open(photos / f"p{given[0].item - 1:03}.png")).mean() > 80
        says(desk, ada, given[0], "3" if light else "8")
    while given := desk.take(ada, "lips"):
        says(desk, ada, given[0], "thin")
    assert write_csv(store, tmp_path / "rated") == 100
    config = TrainConfig(
        ratings=tmp_path / "rated",
        output=tmp_path / "model",
        views=0,
        heads=HeadConfig(epochs=20, rate=3e-3, batch=16),
    )
    model = load_model(train(config))
    assert len(model.trained_on() - load_model().trained_on()) == 50
    tones = [
        embed(find_face(load_photo(photos / f"p{i:03}.png")), model).logits["skin_tone"].argmax()
        for i in range(4)
    ]
    assert [TRAITS["skin_tone"].predicted[t] for t in tones] == ["8", "3", "8", "3"]
