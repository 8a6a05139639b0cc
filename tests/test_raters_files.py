"""Files in and out: photographs, ratings.csv, JSON Lines, Label Studio; nothing is harmed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sqlalchemy import select

from rater_tools.answers import read_answers
from rater_tools.assignment import Desk
from rater_tools.exports import write_csv, write_jsonl
from rater_tools.imports import import_path
from rater_tools.label_studio import write_label_studio
from rater_tools.plan import photo_of, plan
from rater_tools.rows import read_gold
from rater_tools.store import NONE_FITS, UNSEEN, VALUE, Item, Store, open_store
from rater_tools.tasks import Reply
from raters_help import NASTY, filled, photographs, raters
from stickers.errors import BadRatings, CannotWrite, UnknownValue
from stickers.training.ratings import find_photos, read_ratings

ROWS = [
    ["f1", "a", "age", "young"],
    ["f1", "a", "expression", "smile"],
    ["f1", "a", "hair_alt", "pixie"],
    ["f1", "a", "hair_style", "quiff"],
    ["f1", "a", "marks", "FL"],
    ["f1", "b", "hair_colour", "-"],
    ["f1", "b", "hair_style", "?"],
    ["f2", "b", "hair_alt", "buzz"],
]


def table(path: Path, rows: list[list[str]] = ROWS) -> Path:
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([["item", "rater", "attribute", "value"], *rows])
    return path


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return [row[:4] for row in csv.reader(stream)][1:]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "ratings.db"))


def test_ratings_go_in_and_out_row_by_row_and_only_once(store: Store, tmp_path: Path) -> None:
    given = table(tmp_path / "ratings.csv")
    first, again = import_path(store, given), import_path(store, given)
    assert (first.items, first.ratings) == (2, 7)
    assert (again.items, again.ratings) == (0, 0)
    assert first.no_photo == ("f1", "f2")
    assert write_csv(store, tmp_path / "out") == len(ROWS)
    assert rows_of(tmp_path / "out" / "ratings.csv") == ROWS


def test_a_changed_answer_is_a_new_row_and_the_last_counts(store: Store, tmp_path: Path) -> None:
    import_path(store, table(tmp_path / "1.csv", [["f1", "a", "age", "young"]]))
    assert (
        import_path(store, table(tmp_path / "2.csv", [["f1", "a", "age", "senior"]])).ratings == 1
    )
    write_csv(store, tmp_path / "out")
    assert rows_of(tmp_path / "out" / "ratings.csv") == [["f1", "a", "age", "senior"]]
    assert write_jsonl(store, tmp_path / "log.jsonl") == 2


def test_imported_answers_count_for_the_overlap(store: Store, tmp_path: Path) -> None:
    photographs(tmp_path, 2, 32)
    rows = [
        ["p000", "a", "lips", "thin"],
        ["p000", "b", "lips", "thin"],
        ["p001", "a", "lips", "full"],
    ]
    import_path(store, table(tmp_path / "ratings.csv", rows))
    plan(store, ("lips",), overlap=2)
    desk = Desk(store, gold=0)
    a, c = raters(store, "a", "c")
    assert desk.take(a, "lips", 9) == []
    assert [g.item for g in desk.take(c, "lips", 9)] == [2]


@pytest.fixture
def rated(tmp_path: Path) -> Store:
    """Answers of every kind, from a rater with a difficult name."""
    store = filled(tmp_path, 3, ("hair_style", "marks", "lips"), overlap=1)
    desk = Desk(store, gold=0)
    (who,) = raters(store, NASTY)
    replies = {
        "hair_style": [Reply("h1aaaaaa", VALUE, "quiff", "spiky"), Reply("h2aaaaaa", NONE_FITS)],
        "marks": [Reply("m1aaaaaa", VALUE, "FB"), Reply("m2aaaaaa", VALUE, "-")],
        "lips": [Reply("l1aaaaaa", VALUE, "thin", comment=NASTY), Reply("l2aaaaaa", UNSEEN)],
    }
    for attribute, said in replies.items():
        for reply in said:
            desk.reply(who, desk.take(who, attribute)[0].task, reply)
    desk.reply(who, desk.take(who, "lips")[0].task, Reply("l3aaaaaa", VALUE, "full"))
    desk.undo(who, "undo-aaa")
    return store


def content(store: Store) -> list[tuple[object, ...]]:
    with store.read() as session:
        return [
            (a.item, a.rater, a.attribute, a.kind, a.value, a.second, a.comment, round(a.at, 3))
            for a in read_answers(session)
        ]


def test_json_lines_hold_everything_and_come_back(rated: Store, tmp_path: Path) -> None:
    assert write_jsonl(rated, tmp_path / "log.jsonl") == 8
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(len(json.loads(line)["digest"]) == 12 for line in lines)
    other = open_store(str(tmp_path / "other.db"))
    import_path(other, tmp_path / "log.jsonl", photos=tmp_path / "photos")
    assert content(other) == content(rated)
    assert {row[1] for row in content(other)} == {NASTY}


def test_label_studio_gets_what_it_gives_back(rated: Store, tmp_path: Path) -> None:
    assert write_label_studio(rated, tmp_path / "tasks.json") == 2
    other = open_store(str(tmp_path / "other.db"))
    import_path(other, tmp_path / "tasks.json", photos=tmp_path / "photos")
    assert [row[:6] for row in content(other)] == [row[:6] for row in content(rated)]
    config = ElementTree.parse(tmp_path / "tasks.xml")
    offered = {c.get("name"): {v.get("value") for v in c} for c in config.iter("Choices")}
    for task in json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8")):
        for control in task["annotations"][0]["result"]:
            assert set(control["value"]["choices"]) <= offered[control["from_name"]]


def test_the_export_is_what_training_reads(rated: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_csv(rated, out)
    ratings = read_ratings(out / "ratings.csv")
    first = ratings["p000"][NASTY]
    assert first.values["hair_style"] == ("quiff",)
    assert first.second == "spiky"
    assert first.values["marks"] == ("freckles", "blush")
    assert "hair_style" not in ratings["p001"][NASTY].values  # none fits is no value
    photos = find_photos(list(ratings), out / "ratings.csv", out)
    assert set(photos) == set(ratings)
    write_csv(rated, tmp_path / "photos")
    with (tmp_path / "photos" / "items.csv").open(encoding="utf-8") as stream:
        assert next(csv.DictReader(stream))["file"] == "p000.png"


def test_difficult_file_names_come_through(store: Store, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", 2, 32)
    name = NASTY.replace("/", "") + ".png"
    (folder / "p000.png").rename(folder / name)
    import_path(store, folder)
    plan(store, ("lips",), overlap=1)
    desk = Desk(store, gold=0)
    (who,) = raters(store, "a")
    while given := desk.take(who, "lips"):
        desk.reply(who, given[0].task, Reply(f"token-{given[0].task}", VALUE, "thin"))
    write_csv(store, tmp_path / "out")
    ratings = read_ratings(tmp_path / "out" / "ratings.csv")
    assert set(ratings) == {name.removesuffix(".png"), "p001"}
    assert len(find_photos(list(ratings), tmp_path / "out" / "ratings.csv", tmp_path / "out")) == 2


def test_a_photo_outside_the_folder_is_not_taken(store: Store, tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", 1, 32)
    secret = photographs(tmp_path / "secret", 1, 32) / "p000.png"
    (folder / "link.png").symlink_to(secret)
    with (folder / "items.csv").open("w", newline="") as out:
        rows = [["item", "file"], ["up", "../secret/p000.png"], ["abs", secret], ["ln", "link.png"]]
        csv.writer(out).writerows([*rows, ["ok", "p000.png"]])
    assert import_path(store, folder).no_photo == ("abs", "ln", "up")
    with store.read() as session:
        found = {i.name: photo_of(i) for i in session.scalars(select(Item))}
    assert {n for n, p in found.items() if p} == {"ok"}
    # Nor one that was put in the place of an imported photo later.
    (folder / "p000.png").unlink()
    (folder / "p000.png").symlink_to(secret)
    with store.read() as session:
        assert [photo_of(i) for i in session.scalars(select(Item).where(Item.name == "ok"))] == [
            None
        ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.csv", "item,rater\n1,2\n", "no column"),
        ("r.csv", "item,rater,attribute,value\n1,a,lips,purple\n", "line 2"),
        ("r.csv", "item,rater,attribute,value,time\n1,a,lips,thin,noon\n", "damaged time"),
        ("r.jsonl", '{"kind": "value"}\n', "line 1"),
        ("r.jsonl", "not json\n", "line 1"),
        ("r.json", '[{"data": {}}]', "Label Studio"),
        ("r.txt", "", "nothing to import"),
    ],
)
def test_damaged_files_are_refused_in_a_line(
    store: Store, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadRatings, match=message):
        import_path(store, tmp_path / name)
    with store.read() as session:
        assert not read_answers(session)


def test_an_empty_folder_and_a_bad_gold_file_are_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRatings, match="no photos"):
        import_path(store, tmp_path / "empty")
    (tmp_path / "gold.csv").write_text("item,value\n")
    with pytest.raises(BadRatings, match="no column attribute"):
        read_gold(tmp_path / "gold.csv")
    with pytest.raises(UnknownValue, match="aura"):
        plan(store, ("aura",), 1)


def test_a_database_that_cannot_be_opened_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_text("this is no database, but a rather long text" * 40)
    for place in (str(tmp_path / "no.db"), str(tmp_path / "nowhere" / "x.db"), "nonsense://x"):
        with pytest.raises(CannotWrite, match="cannot open the ratings"):
            open_store(place)
