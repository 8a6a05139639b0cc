"""Evaluation on ratings whose agreement can be worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stickers.errors import BadRatings, NoFace
from stickers.photo import load_photo
from stickers.records import Attributes, Guess
from stickers.training import evaluate as module
from stickers.training.agreement import calibration_error, overlap, share
from stickers.training.evaluate import Looked, compare, evaluate
from stickers.training.groups import groups_of, worst
from stickers.training.ratings import find_photos, photo_digest, read_ratings, targets
from stickers.training.split import fraction, picture_hash, twins
from stickers.traits import PREDICTED, TRAITS

ROWS = """item,rater,attribute,value,time
f1,a,lips,thin,1
f1,b,lips,full,1
f1,a,hair_style,bald,1
f1,a,hair_alt,buzz,1
f1,b,hair_style,buzz,1
f1,b,hair_alt,crew_cut,1
f1,a,skin_tone,3,1
f1,b,skin_tone,4,1
f1,a,marks,FW,1
f1,b,marks,W,1
f1,a,hair_colour,-,1
f1,a,expression,neutral,1
f2,a,lips,medium,1
f2,a,lips,full,2
f2,a,nose,?,1
f2,a,marks,-,1
f3,a,lips,full,1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ratings.csv").write_text(ROWS)
    (tmp_path / "items.csv").write_text("item,file\nf1,faces/one.png\nf3,faces/gone.png\n")
    faces = tmp_path / "faces"
    faces.mkdir()
    for name, shade in (("one.png", 10), ("f2.png", 200)):
        Image.fromarray(np.full((40, 40, 3), shade, np.uint8)).save(faces / name)
    return tmp_path


def answers(**changes: tuple[str, ...]) -> Attributes:
    """A guess for every trait: its first value, or the values given, likeliest first."""
    first = {t.name: () if t.many else t.predicted[:1] for t in PREDICTED}
    return {name: guess(name, *values) for name, values in (first | changes).items()}


def guess(name: str, *values: str) -> Guess:
    chances = [(value, 0.6 / (i + 1)) for i, value in enumerate(values)]
    chances += [(value, 0.0) for value in TRAITS[name].predicted if value not in values]
    return Guess(values if TRAITS[name].many else values[:1], 0.6, tuple(chances))


def test_the_last_row_of_a_kind_counts_and_question_marks_do_not(folder: Path) -> None:
    ratings = read_ratings(folder / "ratings.csv")
    assert list(ratings) == ["f1", "f2", "f3"]
    assert ratings["f2"]["a"].values == {"lips": ("full",), "marks": ()}
    assert ratings["f1"]["a"].values["hair_colour"] == ("none",)
    assert ratings["f1"]["a"].second == "buzz"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("f9,a,lips,huge", "no value 'huge'"),
        ("f9,a,lips", "damaged row"),
        ("f9,a,,thin", "damaged row"),
        ("f9,a,shoe_size,44", "no attribute 'shoe_size'"),
        ("f9,a,marks,FX", "no code 'X'"),
        ("f9,a,hair_alt,perm", "no value 'perm'"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(folder: Path, row: str, what: str) -> None:
    with (folder / "ratings.csv").open("a") as stream:
        stream.write(row + "\n")
    with pytest.raises(BadRatings, match=what) as caught:
        read_ratings(folder / "ratings.csv")
    assert caught.value.where is not None
    assert caught.value.where.endswith("ratings.csv, line 19")


def test_ratings_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadRatings, match="no such file"):
        read_ratings(tmp_path / "ratings.csv")
    (tmp_path / "ratings.csv").write_text("item,rater\n")
    with pytest.raises(BadRatings, match="no column attribute, value"):
        read_ratings(tmp_path / "ratings.csv")
    (tmp_path / "ratings.csv").write_text("item,rater,attribute,value\n")
    with pytest.raises(BadRatings, match="no ratings"):
        read_ratings(tmp_path / "ratings.csv")
    (tmp_path / "ratings.csv").write_bytes(b"item,rater,attribute,value\n\xff\xfe,a,lips,thin\n")
    with pytest.raises(BadRatings, match="not a readable CSV"):
        read_ratings(tmp_path / "ratings.csv")


def test_photos_are_found_by_table_or_by_name(folder: Path) -> None:
    faces = folder / "faces"
    found = find_photos(["f1", "f2", "f3"], folder / "ratings.csv", faces)
    assert found == {"f1": faces / "one.png", "f2": faces / "f2.png"}
    with pytest.raises(BadRatings, match="no such folder"):
        find_photos(["f1"], folder / "ratings.csv", folder / "nowhere")


def test_targets_are_shares_of_raters(folder: Path) -> None:
    ratings = read_ratings(folder / "ratings.csv")
    wanted = targets(ratings, ["f1", "f2"], second_weight=0.2)
    assert wanted["lips"].tolist() == [[0.5, 0, 0.5], [0, 0, 1]]
    assert wanted["marks"][0].tolist() == [0.5, 0, 0, 0, 1, 0]
    assert np.isnan(wanted["nose"]).all()
    style = dict(zip(PREDICTED[0].predicted, wanted["hair_style"][0].tolist(), strict=True))
    assert style["bald"] == pytest.approx(0.4)
    assert style["buzz"] == pytest.approx(0.5)
    assert style["crew_cut"] == pytest.approx(0.1)
    assert all(
        np.allclose(np.nansum(rows, 1)[~np.isnan(rows[:, 0])], 1)
        for name, rows in wanted.items()
        if name != "marks"
    )


def test_agreement_is_what_it_is_by_hand(folder: Path) -> None:
    ratings = read_ratings(folder / "ratings.csv")
    said = {
        "f1": answers(
            lips=("full",), hair_style=("buzz", "mohawk"), skin_tone=("2",), marks=("wrinkles",)
        ),
        "f2": answers(lips=("thin",), marks=()),
    }
    plain, mild = compare(said, ratings)
    assert (plain["lips"].model.mean, plain["lips"].model.n) == (0.25, 2)
    assert (plain["lips"].model_on_shared.mean, plain["lips"].model_on_shared.n) == (0.5, 1)
    assert (plain["lips"].raters.mean, plain["lips"].raters.n) == (0.0, 1)
    assert plain["lips"].ratio is None
    assert plain["hair_style"].model.mean == 0.5
    assert mild["hair_style"].model.mean == 1.0
    # One of the raters' two choices, "buzz", is the other's too.
    assert mild["hair_style"].raters.mean == 1.0
    assert mild["hair_style"].ratio == 1.0
    assert plain["skin_tone"].model.mean == 0.0
    assert mild["skin_tone"].model.mean == 0.5
    assert mild["skin_tone"].raters.mean == 1.0
    assert plain["marks"].model.mean == pytest.approx((0.75 + 1) / 2)
    assert plain["marks"].raters.mean == 0.5
    assert plain["nose"].model.n == 0
    assert plain["nose"].as_json()["model_rater"] == {"mean": None, "interval": None, "n": 0}


def test_the_likeliest_two_styles_agree_where_one_is_a_raters(folder: Path) -> None:
    ratings = read_ratings(folder / "ratings.csv")
    for second, agreed in (("crew_cut", 0.5), ("mohawk", 0.0)):
        _, mild = compare({"f1": answers(hair_style=("locs", second))}, ratings)
        assert mild["hair_style"].model.mean == agreed


def test_calibration_is_the_gap_of_confidence_and_agreement() -> None:
    assert calibration_error([0.75] * 4, [1, 1, 1, 0]) == pytest.approx(0.0)
    assert calibration_error([0.95] * 4, [1, 1, 0, 0]) == pytest.approx(0.45)
    assert calibration_error([0.2, 1.0], [0.0, 1.0]) == pytest.approx(0.1)
    assert np.isnan(calibration_error([], []))


def test_the_worst_group_is_one_with_enough_faces(folder: Path) -> None:
    ratings = read_ratings(folder / "ratings.csv")
    rated = {
        f"{name}{i}": {"a": replace(ratings["f1"]["a"], values={"skin_tone": (tone,)})}
        for name, tone in (("dark", "9"), ("light", "2"))
        for i in range(60)
    }
    scores = {item: {"lips": 0.5 if item.startswith("dark") else 1.0} for item in rated}
    groups = groups_of(scores, rated, dict.fromkeys(rated))
    assert [(g.kind, g.name, g.n) for g in groups] == [
        ("skin_tone", "1-3", 60),
        ("skin_tone", "8-10", 60),
    ]
    found = worst(groups, "lips")
    assert found is not None
    assert (found[0].name, found[1]) == ("8-10", pytest.approx(25.0))
    assert worst(groups[:0], "lips") is None


def test_overlap_of_nothing_with_nothing_is_whole() -> None:
    assert overlap((), ()) == 1.0
    assert overlap(("a",), ()) == 0.0
    assert overlap(("a", "b"), ("b", "c")) == pytest.approx(1 / 3)


def test_an_interval_holds_its_mean_and_narrows() -> None:
    few, many = share([0, 1] * 10), share([0, 1] * 1000)
    assert few.low < few.mean == 0.5 < few.high
    assert many.high - many.low < few.high - few.low


def test_evaluate_counts_what_it_leaves_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = folder / "faces"

    def answer(photo: Path, model: object) -> Looked:
        if photo.name == "one.png":
            return Looked(answers(lips=("thin",)), "feminine")
        raise NoFace("no face was found", where=photo)

    monkeypatch.setattr(module, "look_at_photo", answer)
    told: list[tuple[int, int]] = []
    report = evaluate(folder / "ratings.csv", faces, progress=lambda *at: told.append(at))
    assert (report.faces, report.no_face, report.no_photo) == (1, ("f2",), ("f3",))
    assert report.trained == 0
    assert told == [(1, 2), (2, 2)]
    document = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert document["traits"]["lips"]["model_rater"]["mean"] == 0.5
    assert "top_two" in document["traits"]["hair_style"]
    assert "within_one_step" in document["traits"]["skin_tone"]
    groups = {(g["kind"], g["name"]): g["n"] for g in document["groups"]}
    assert groups == {("skin_tone", "4-5"): 1, ("presentation", "feminine"): 1}

    known = frozenset({photo_digest(faces / "one.png")})
    monkeypatch.setattr(module.Model, "trained_on", lambda self: known)
    with pytest.raises(BadRatings, match="no face to judge"):
        evaluate(folder / "ratings.csv", faces)
    again = evaluate(folder / "ratings.csv", faces, include_trained=True)
    assert again.faces == 1


def test_fractions_are_even_and_fixed() -> None:
    drawn = np.array([fraction(0, i) for i in range(2000)])
    assert abs(drawn.mean() - 0.5) < 0.03
    assert fraction(0, "f0001") == fraction(0, "f0001") != fraction(1, "f0001")


def test_twins_are_the_same_picture_at_another_size(folder: Path) -> None:
    from skimage import data

    whole = data.astronaut()
    small = np.asarray(Image.fromarray(whole).resize((128, 128)))
    other = np.ascontiguousarray(whole[::-1])
    prints = np.stack([picture_hash(p) for p in (small, other)])
    assert twins(prints, picture_hash(whole)[None]).tolist() == [True, False]
    assert load_photo(folder / "faces" / "one.png").pixels.shape == (40, 40, 3)
