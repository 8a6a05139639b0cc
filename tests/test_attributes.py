import numpy as np
import pytest

from stickers.attributes import read_attributes, sigmoid, softmax
from stickers.embed import load_model
from stickers.records import Embedding
from stickers.traits import PREDICTED, TRAITS


def said(**logits: list[float]) -> Embedding:
    every = {t.name: np.zeros(len(t.predicted), np.float32) for t in PREDICTED}
    every |= {name: np.array(row, np.float32) for name, row in logits.items()}
    return Embedding(vector=np.zeros(4, np.float32), logits=every)


def test_softmax_sums_to_one_even_for_large_logits() -> None:
    chances = softmax(np.array([[1e4, 0, -1e4], [1, 1, 1]], np.float32))
    assert np.allclose(chances.sum(1), 1)
    assert np.allclose(chances[1], 1 / 3)


def test_sigmoid_is_a_half_at_zero() -> None:
    assert sigmoid(np.zeros(1, np.float32))[0] == 0.5


def test_every_predicted_trait_is_answered_in_order() -> None:
    attributes = read_attributes(said())
    assert list(attributes) == [t.name for t in PREDICTED]
    for name, guess in attributes.items():
        assert sorted(v for v, _ in guess.probabilities) == sorted(TRAITS[name].predicted)


def test_the_likeliest_value_is_chosen_and_listed_first() -> None:
    guess = read_attributes(said(lips=[0.0, 1.0, 3.0]))["lips"]
    assert guess.values == ("full",)
    assert [v for v, _ in guess.probabilities] == ["full", "medium", "thin"]
    assert guess.confidence == guess.probabilities[0][1] == pytest.approx(0.8438, abs=1e-4)


def test_marks_are_said_from_their_thresholds() -> None:
    limits = load_model().thresholds["marks"]
    over = [
        float(np.log(t / (1 - t))) + (0.1 if i in (0, 4) else -0.1) for i, t in enumerate(limits)
    ]
    guess = read_attributes(said(marks=over))["marks"]
    assert guess.values == ("freckles", "wrinkles")
    assert 0 < guess.confidence < 1
    none = read_attributes(said(marks=[-6.0] * 6))["marks"]
    assert none.values == ()
    assert none.confidence > 0.99


def test_attributes_become_json() -> None:
    document = read_attributes(said(marks=[9, -9, -9, -9, -9, -9]))["marks"].as_json("marks")
    assert document["value"] == ["freckles"]
