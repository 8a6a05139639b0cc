"""A model set beside CelebA's labels."""

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from stickers.embed import load_model
from stickers.errors import BadModel, BadRatings
from stickers.training.celeba import read_celeba
from stickers.training.celeba_score import evaluate_celeba, pick_leniency, score_attributes
from stickers.training.ratings import digest


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """An archive of six pictures and a table of the attributes that the model knows."""
    names = load_model().manifest["pretraining"]["celeba"]
    picture = Image.fromarray(data.astronaut()[20:238, 130:308])
    rows = [["file", "identity", "native", *names]]
    with tarfile.open(tmp_path / "some.tar", "w") as tar:
        for i in range(6):
            picture.resize((128 + i, 156 + i)).save(tmp_path / f"{i}.jpg")
            tar.add(tmp_path / f"{i}.jpg", arcname=f"in/{i}.jpg")
            rows.append([f"{i}.jpg", str(i), "178x218", *(str(k % 2) for k in range(len(names)))])
    with (tmp_path / "some.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return tmp_path / "some.tar", tmp_path / "some.csv"


def test_any_pair_in_the_form_is_judged(pair: tuple[Path, Path]) -> None:
    report = evaluate_celeba(*pair)
    assert report.pictures == 6
    assert list(report.each) == load_model().manifest["pretraining"]["celeba"]
    assert 0 < report.accuracy < 1
    document = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert document["attributes"]["Bald"][1] is None  # all six have the same label


def test_what_the_model_learnt_from_is_left_out(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = frozenset({digest((pair[0].parent / "3.jpg").read_bytes())})
    monkeypatch.setattr("stickers.embed.Model.trained_on", lambda self: one)
    assert (evaluate_celeba(*pair).pictures, evaluate_celeba(*pair).trained) == (5, 1)
    assert evaluate_celeba(*pair, include_trained=True).pictures == 6


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("9.jpg,1,178x218" + ",0" * 40, "without its picture"),
        ("1.jpg,1,178x218,0", "without its picture"),
        ("1.jpg,1,178x218" + ",2" * 40, "no label"),
        ("1.jpg,who,178x218" + ",0" * 40, "no label"),
    ],
)
def test_a_row_out_of_form_is_refused_with_its_line(
    pair: tuple[Path, Path], line: str, what: str
) -> None:
    with pair[1].open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(BadRatings, match=what) as caught:
        read_celeba(*pair)
    assert caught.value.where is not None
    assert caught.value.where.endswith("some.csv, line 8")


def test_files_of_another_kind_are_refused(pair: tuple[Path, Path]) -> None:
    with pytest.raises(BadRatings, match="not a tar file"):
        read_celeba(pair[1], pair[1])
    with pytest.raises(BadRatings, match="no CelebA labels"):
        read_celeba(pair[0], pair[0].parent / "gone.csv")
    other = pair[0].parent / "other.csv"
    other.write_text("item,rater,attribute,value\n")
    with pytest.raises(BadRatings, match="not CelebA's columns"):
        read_celeba(pair[0], other)
    text = pair[1].read_text().replace("Bald", "Bold", 1)
    pair[1].write_text(text)
    with pytest.raises(BadModel, match="does not know these attributes"):
        evaluate_celeba(*pair)


def test_scores_are_what_they_are_by_hand() -> None:
    logits = np.array([[2.0, 1.0], [-2.0, 1.0], [2.0, -1.0], [-1.0, -1.0]], np.float32)
    labels = np.array([[1, 0], [0, 0], [0, 0], [0, 0]], np.uint8)
    found = score_attributes(logits, labels, names=("Hat", "Tie"))
    assert found.each["Hat"] == (0.75, pytest.approx((1 + 2 / 3) / 2))
    assert found.each["Tie"][0] == 0.5
    assert np.isnan(found.each["Tie"][1])
    assert found.accuracy == 0.625
    assert found.balanced == pytest.approx((1 + 2 / 3) / 2)


def test_leniency_finds_the_rare() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((4000, 3)) < [0.05, 0.5, 0.9]).astype(np.uint8)
    often = labels.mean(axis=0)
    logits = np.log(often / (1 - often)) + (2 * labels - 1) * 1.5 + rng.normal(0, 1, (4000, 3))
    strict, lenient = (
        score_attributes(logits.astype(np.float32), labels, often, how) for how in (0.0, 1.0)
    )
    assert lenient.balanced > strict.balanced + 0.05
    picked = pick_leniency(logits.astype(np.float32), labels, often)
    found = score_attributes(logits.astype(np.float32), labels, often, picked)
    assert found.accuracy >= strict.accuracy - 0.01
    assert found.balanced >= strict.balanced
