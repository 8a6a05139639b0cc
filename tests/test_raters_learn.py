"""What is learnt from ratings: equal to reference results, told with intervals, put to artists."""

from __future__ import annotations

import csv
import json
import random
from collections import defaultdict
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import select

from rater_tools.active import doubt_of, order
from rater_tools.agreement import agreement, mean, ordered
from rater_tools.answers import read_answers, values
from rater_tools.assignment import Desk
from rater_tools.backlog import backlog, none_fits
from rater_tools.confusion import confusions
from rater_tools.consensus import dawid_skene, majority
from rater_tools.imports import import_path
from rater_tools.judge import close_to, drawn_from, judged, labels_of, plan_judging
from rater_tools.plan import photo_of
from rater_tools.report import agreements, write_report
from rater_tools.store import NONE_FITS, VALUE, Entry, Item, Store, Task, open_store
from rater_tools.tasks import Reply
from rater_tools.tiles import catalog, portrait
from raters_help import filled, raters, says
from stickers.records import Guess
from stickers.traits import TRAITS


def votes_of(codes: list[str]) -> dict[str, dict[str, str]]:
    """item -> rater -> code, of answers in a row each; a dot is no answer."""
    return {
        f"i{n:03}": {f"r{r}": c for r, c in enumerate(row) if c != "."}
        for n, row in enumerate(codes)
    }


def random_votes(seed: int, values_: str, items: int = 60, raters_: int = 4) -> list[str]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(values_), items)
    rows = []
    for t in truth:
        said = [
            values_[t] if rng.random() < 0.7 else rng.choice(list(values_)) for _ in range(raters_)
        ]
        rows.append("".join("." if rng.random() < 0.2 else c for c in said))
    return rows


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("attribute", "level"), [("lips", "nominal"), ("skin_tone", "ordinal")])
def test_alpha_is_that_of_the_krippendorff_package(seed: int, attribute: str, level: str) -> None:
    rows = random_votes(seed, "12345")
    found = agreement(attribute, votes_of(rows))
    assert found is not None
    table = np.array([[np.nan if c == "." else int(c) for c in row] for row in rows]).T
    wanted = krippendorff.alpha(reliability_data=table, level_of_measurement=level)
    assert found.alpha.value == pytest.approx(wanted, abs=1e-6)
    assert found.alpha.low <= found.alpha.value <= found.alpha.high
    assert found.ordinal == (level == "ordinal")


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    """Krippendorff (2011), Computing Krippendorff's alpha-reliability, section D."""
    observers = ["123321413...", "123322412.53", ".33322441253", "12.33441245."]
    columns = ["".join(o[i] for o in observers) for i in range(12)]
    table = np.array([[np.nan if c == "." else int(c) for c in o] for o in observers])
    found = agreement("lips", votes_of(columns))
    assert found is not None
    wanted = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
    assert found.alpha.value == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_kappa_of_every_pair_is_scikit_learns(seed: int) -> None:
    votes = votes_of(random_votes(seed, "abc"))
    found = agreement("nose", votes)
    assert found is not None
    assert len(found.kappas) == 6
    for (one, other), (kappa, items) in found.kappas.items():
        both = [(v[one], v[other]) for v in votes.values() if one in v and other in v]
        assert items == len(both)
        assert kappa.value == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)), abs=1e-9)
        assert kappa.low < kappa.value < kappa.high


def test_agreement_on_one_same_value_is_no_agreement_beyond_chance() -> None:
    found = agreement("nose", votes_of(["aa"] * 20))
    assert found is not None
    assert found.exact.value == 1
    assert np.isnan(found.alpha.value)
    assert agreement("nose", votes_of(["a."] * 20)) is None


def test_dawid_skene_is_that_of_crowd_kit() -> None:
    """The reference was made by crowd-kit 1.4.2: DawidSkene(n_iter=400, tol=-1).fit."""
    reference = json.loads(Path(__file__).with_name("raters_dawid_skene.json").read_text())
    votes: dict[str, dict[str, str]] = defaultdict(dict)
    for item, rater, code in reference["votes"]:
        votes[item][rater] = code
    found = dawid_skene(votes, rounds=400)
    assert found.values == ("a", "b", "c")
    for item, chances in reference["chances"].items():
        assert found.chances[item] == pytest.approx(chances, abs=1e-6)
    assert found.priors == pytest.approx(reference["priors"], abs=1e-6)
    for who, row in reference["errors"].items():
        rater, said = who.split()
        mine = found.errors[found.raters.index(rater), :, found.values.index(said)]
        assert mine == pytest.approx(row, abs=1e-6)


def test_majority_tells_ties_and_certainty() -> None:
    verdicts = majority(votes_of(["aab", "ab.", "...", "c.."]))
    assert (verdicts["i000"].value, verdicts["i000"].tied) == ("a", ())
    assert verdicts["i000"].certainty == pytest.approx(2 / 3)
    assert (verdicts["i001"].value, verdicts["i001"].tied) == ("a", ("b",))
    assert "i002" not in verdicts
    assert (verdicts["i003"].certainty, verdicts["i003"].votes) == (1, 1)


def test_dawid_skene_breaks_a_tie_for_the_better_rater() -> None:
    good = ["aab", "bba", "aab", "bba", "aab", "bbb", "aaa", "bba"] * 3
    votes = {**votes_of(good), "tie": {"r0": "a", "r2": "b"}}
    assert majority(votes)["tie"].tied == ("b",)
    verdict = dawid_skene(votes).verdicts(votes)["tie"]
    assert (verdict.value, verdict.tied) == ("a", ())
    assert verdict.certainty > 0.9


def test_confused_pairs_are_counted_in_people() -> None:
    pairs = confusions(
        votes_of(["ab", "ba", "ab", "ab", "ab", "aa", "bb", "ac", "cc", "cc", "cc", "cc"])
    )
    assert [(p.first, p.second, p.people) for p in pairs] == [("a", "b", 5), ("a", "c", 1)]
    assert pairs[0].rate == pytest.approx(5 / 7)
    assert pairs[0].alike
    assert not pairs[1].alike


def test_a_mean_has_the_interval_of_its_people() -> None:
    few = mean({"a": [1.0], "b": [5.0], "c": [3.0]})
    many = mean({f"{i}": [1.0 + i % 5] for i in range(500)})
    assert few.value == many.value == 3
    assert many.high - many.low < few.high - few.low


def test_doubt_is_none_where_the_model_is_sure_and_one_where_anything_may_be() -> None:
    def guess(*chances: float) -> Guess:
        return Guess(("x",), 0.5, tuple((f"v{i}", p) for i, p in enumerate(chances)))

    assert doubt_of("lips", guess(1, 0, 0)) == 0
    assert doubt_of("lips", guess(1 / 3, 1 / 3, 1 / 3)) == pytest.approx(1)
    assert doubt_of("marks", guess(0.5, 0.5)) == pytest.approx(1)
    assert doubt_of("lips", guess(0.8, 0.1, 0.1)) < doubt_of("lips", guess(0.5, 0.3, 0.2))


def test_what_raters_disagree_on_comes_first(tmp_path: Path) -> None:
    store = filled(tmp_path, 3, ("lips",), overlap=3)
    desk = Desk(store, gold=0)
    ada, ben, cy = raters(store, "ada", "ben", "cy")
    for rater, said in ((ada, ("thin", "thin", "thin")), (ben, ("thin", "thin", "full"))):
        for given, value in zip(desk.take(rater, "lips", 3), said, strict=True):
            says(desk, rater, given, value)
    assert order(store) == 3
    with store.read() as session:
        priority = [t.priority for t in session.scalars(select(Task).order_by(Task.id))]
    assert priority[2] == max(priority)
    assert all(0 <= p <= 1 for p in priority)
    assert desk.take(cy, "lips")[0].item == 3


@pytest.fixture
def people(tmp_path: Path) -> Store:
    """Eight people with labels, of whom half have a beard."""
    store = filled(tmp_path, 8, ("hair_colour", "facial_hair", "hair_style"), overlap=1)
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    said = {
        "hair_colour": ["black", "white"] * 4,
        "facial_hair": ["none", "none", "full_beard", "full_beard"] * 2,
        "hair_style": ["quiff"] * 8,
    }
    for attribute, codes in said.items():
        for code in codes:
            says(desk, ada, desk.take(ada, attribute)[0], code)
    return store


def test_distractors_are_those_who_present_alike(people: Store) -> None:
    with people.read() as session:
        labels = labels_of(read_answers(session))
        items = {i.name: i for i in session.scalars(select(Item))}
    for name, twin in (("p000", "p004"), ("p003", "p007")):
        found = close_to(name, labels, items, random.Random(0))
        assert found[0] == twin
        assert len(set(found) | {name}) == 4
    items["p004"].digest = items["p000"].digest  # the same photo under another name
    assert "p004" not in close_to("p000", labels, items, random.Random(0))


def test_stickers_are_drawn_from_labels_and_judged_blind(people: Store) -> None:
    with people.read() as session:
        labels = labels_of(read_answers(session))
    assert portrait(drawn_from(labels["p002"]))[8:12] == b"WEBP"
    assert plan_judging(people, 5) == plan_judging(people, 5) == 5
    desk = Desk(people, gold=0)
    ada, ben = raters(people, "ada", "ben")
    seen = [g.item for g in desk.take(ada, "likeness", 9)]
    assert len(seen) == 5
    assert desk.take(ada, "identity", 9) == []  # she saw the stickers beside the selfies
    given = desk.take(ben, "identity", 9)
    assert len(given) == 5
    for g in given:
        assert len(set(g.data["choices"])) == 4


def test_judgements_come_with_intervals(people: Store) -> None:
    plan_judging(people, 6)
    desk = Desk(people, gold=0)
    ada, ben = raters(people, "ada", "ben")
    for n, g in enumerate(desk.take(ben, "identity", 9)):
        with people.read() as session:
            name = session.scalars(select(Item.name).where(Item.id == g.item)).one()
        wrong = next(c for c in g.data["choices"] if c != name)
        says(desk, ben, g, name if n < 4 else wrong)
    for n, g in enumerate(desk.take(ada, "likeness", 9)):
        reply = Reply(f"likeness-{n}", VALUE, str(1 + n % 5), wrong=("nose",) if n % 2 else ())
        desk.reply(ada, g.task, reply)
    with people.read() as session:
        found = judged(read_answers(session))
    assert (found.stickers, found.identifications) == (6, 6)
    assert found.identified.value == pytest.approx(4 / 6)
    assert found.identified.low < 4 / 6 < found.identified.high
    assert found.likeness.value == pytest.approx((1 + 2 + 3 + 4 + 5 + 1) / 6)
    assert found.wrong == {"nose": 0.5}


def test_the_backlog_puts_first_what_serves_most(people: Store, tmp_path: Path) -> None:
    desk = Desk(people, gold=0)
    who = raters(people, "ada", "ben")
    plan_judging(people, 8, overlap=1)
    for n, g in enumerate(desk.take(who[0], "likeness", 9)):
        wrong = ("hair_style",) if n < 5 else ()
        desk.reply(who[0], g.task, Reply(f"like-{n:04}", VALUE, "2", wrong=wrong))
    with people.write() as session:
        for item in (1, 2):
            session.add(
                Entry(at=0, rater_id=who[1], item_id=item, attribute="hair_style", kind=NONE_FITS)
            )
    with people.read() as session:
        answers = read_answers(session)
        photos = {i.name: p for i in session.scalars(select(Item)) if (p := photo_of(i))}
    found = backlog(answers, judged(answers), photos, catalog())
    assert (found.needs[0].attribute, found.needs[0].share) == ("hair_style", 0.625)
    assert [n.share for n in found.needs] == sorted((n.share for n in found.needs), reverse=True)
    assert sum(len(c.items) for c in found.clusters) == 2
    assert "quiff" not in found.unpicked["hair_style"]
    assert {"bald", "mohawk"} <= set(found.unpicked["hair_style"])


def test_people_whom_nothing_fits_are_together_if_they_look_alike(people: Store) -> None:
    (ben,) = raters(people, "ben")
    with people.write() as session:
        for item in (1, 3, 5):
            session.add(Entry(at=0, rater_id=ben, item_id=item, attribute="nose", kind=NONE_FITS))
    with people.read() as session:
        answers = read_answers(session, ["nose"])
        photos = {i.name: p for i in session.scalars(select(Item)) if (p := photo_of(i))}
    (cluster,) = none_fits(answers, photos)  # one face in one light
    assert cluster.items == ("p000", "p002", "p004")
    assert len(cluster.examples) == 3


def test_the_page_shows_drawings_and_links_photographs(people: Store, tmp_path: Path) -> None:
    desk = Desk(people, gold=0)
    (nasty,) = raters(people, "<script>alert('🦊')</script>")
    with people.write() as session:
        for item in range(1, 9):
            for rater, code in ((nasty, "thin"), (1, "full" if item % 2 else "thin")):
                row = {"rater_id": rater, "item_id": item, "attribute": "lips"}
                session.add(Entry(at=0, kind=VALUE, value=code, **row))
        for item in (1, 2):
            row = {"rater_id": nasty, "item_id": item, "attribute": "nose"}
            session.add(Entry(at=0, kind=NONE_FITS, **row))
    assert write_report(people, tmp_path / "report.html") > 0
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "data:image/webp;base64," in html
    assert f'src="{(tmp_path / "photos" / "p000.png").as_uri()}"' in html
    assert "data:image/png" not in html
    assert "<script" not in html
    assert desk.store is people


@pytest.mark.shared
def test_the_raters_agreement_is_reproduced_on_every_attribute(
    shared: Path, tmp_path: Path
) -> None:
    table = shared / "ratings" / "ratings.csv"
    store = open_store(str(tmp_path / "ratings.db"))
    import_path(store, table)
    with store.read() as session:
        answers = read_answers(session)
    said: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    with table.open(newline="") as stream:
        for row in csv.DictReader(stream):
            if row["value"] != "?":
                said[row["attribute"]][row["item"]][row["rater"]] = row["value"]
    found = {a.attribute: a for a in agreements(answers)}
    assert set(found) == set(said)
    for name, a in found.items():
        pairs = [tuple(v.items()) for v in said[name].values() if len(v) == 2]
        assert a.items == len(pairs) > 1000
        assert a.exact.value == pytest.approx(np.mean([p[0][1] == p[1][1] for p in pairs]))
        assert {"a b", "c d"} <= {" ".join(pair) for pair in a.kappas}
        for (one, other), (kappa, items) in a.kappas.items():
            both = [dict(p) for p in pairs if {r for r, _ in p} == {one, other}]
            assert items == len(both)
            wanted = cohen_kappa_score([p[one] for p in both], [p[other] for p in both])
            assert kappa.value == pytest.approx(wanted, abs=1e-9)
        votes = values(answers, name)
        known = ordered(name, votes)
        level = "ordinal" if name in TRAITS and TRAITS[name].ordinal else "nominal"
        alpha = krippendorff.alpha(
            reliability_data=[[known.index(p[k][1]) for p in pairs] for k in (0, 1)],
            value_domain=list(range(len(known))),
            level_of_measurement=level,
        )
        assert a.alpha.value == pytest.approx(alpha, abs=1e-6)
