"""Heads on vectors whose meaning is known: do they learn, share, calibrate, and find settings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stickers.errors import UnknownValue
from stickers.training.calibration import calibrate, pick_thresholds
from stickers.training.heads import EACH, Head, HeadConfig, agreement, fit_heads
from stickers.training.search import search
from stickers.traits import PREDICTED

pytestmark = pytest.mark.training
torch.set_num_threads(1)


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


def test_joint_heads_share_their_hidden_layer_and_separate_ones_hold_no_trait_back() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 1, (300, 12)).astype(np.float32)
    known = {t.name: np.full((300, len(t.predicted)), np.nan, np.float32) for t in PREDICTED}
    known["lips"] = np.eye(3, dtype=np.float32)[vectors[:, :3].argmax(1)]
    known["age"] = np.eye(4, dtype=np.float32)[vectors[:, :4].argmax(1)]
    config = HeadConfig(epochs=40, patience=40, batch=64, rate=0.01, dropout=0, hidden=16)

    def fitted(joint: bool) -> dict[str, Head]:
        how = replace(config, joint=joint)
        return fit_heads(vectors[:200, None], first(known), vectors[200:], last(known), how)

    def first(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: row[:200] for name, row in rows.items()}

    def last(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: row[200:] for name, row in rows.items()}

    joint, separate = fitted(True), fitted(False)
    assert joint["lips"].layers[0][0] is joint["age"].layers[0][0]
    assert separate["lips"].layers[0][0] is not separate["age"].layers[0][0]
    for heads in (joint, separate):
        assert agreement(heads["lips"], vectors[200:], known["lips"][200:]) > 0.7
    with pytest.raises(UnknownValue, match="share a hidden layer"):
        HeadConfig(hidden=0, joint=True).validate()
    few = {t.name for t in PREDICTED if EACH * len(t.predicted) <= config.hidden}
    assert {name for name, head in separate.items() if len(head.layers) == 2} == few
    assert all(len(head.layers) == 2 for head in joint.values())


def test_a_search_begins_with_the_usual_settings_and_goes_on(tmp_path: Path) -> None:
    tried: list[HeadConfig] = []

    def worth(how: HeadConfig) -> float:
        tried.append(how)
        return 1 - abs(how.dropout - 0.3)

    begin = HeadConfig()
    path = tmp_path / "new" / "search.db"
    lines: list[str] = []
    search(worth, begin, 4, path, progress=lines.append)
    assert tried[0] == begin
    assert len(lines) == 4
    best = search(worth, begin, 12, path)
    assert len(tried) == 12
    assert abs(best.dropout - 0.3) == min(abs(how.dropout - 0.3) for how in tried)
    again: list[HeadConfig] = []
    search(lambda how: again.append(how) or 0.5, begin, 4, tmp_path / "other.db")  # type: ignore[func-returns-value]
    assert again == tried[:1] + again[1:]


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
