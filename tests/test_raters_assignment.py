"""Who rates what: no two on one place, none twice, leases that end, undo, gold, extra raters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DatabaseError

from rater_tools.answers import read_answers
from rater_tools.assignment import Desk
from rater_tools.plan import pause, plan, set_gold
from rater_tools.progress import progress, waiting
from rater_tools.questions import ASKED
from rater_tools.store import SKIP, VALUE, Entry, Place, Store, Task
from rater_tools.tasks import Lost, Refused, Reply
from raters_help import filled, raters, says
from stickers.errors import UnknownValue


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return filled(tmp_path, 4, ("glasses", "lips"), overlap=2)


def answers(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as session:
        return [(a.item, a.rater, a.value) for a in read_answers(session)]


def test_two_raters_get_each_photo_and_nobody_gets_one_twice(store: Store) -> None:
    desk = Desk(store, gold=0)
    ada, ben, cy = raters(store, "ada", "ben", "cy")
    for who in (ada, ben):
        while given := desk.take(who, "glasses"):
            says(desk, who, given[0], "round")
    assert desk.take(cy, "glasses") == []
    assert Counter(item for item, _, _ in answers(store)) == {f"p00{i}": 2 for i in range(4)}
    assert len({(item, who) for item, who, _ in answers(store)}) == 8


def test_what_is_held_is_given_again_after_a_reload(store: Store) -> None:
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    assert desk.take(ada, "glasses", 3) == desk.take(ada, "glasses", 3)


def test_a_reply_sent_twice_counts_once(store: Store) -> None:
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    (given,) = desk.take(ada, "glasses")
    for _ in range(3):
        desk.reply(ada, given.task, Reply("the same token", VALUE, "round"))
    assert len(answers(store)) == 1


def test_a_lease_that_ran_out_goes_to_somebody_else_and_the_first_is_told(store: Store) -> None:
    now = 1000.0
    store.now = lambda: now
    desk = Desk(store, lease=60, gold=0)
    ada, ben, cy = raters(store, "ada", "ben", "cy")
    (late,) = desk.take(ada, "lips")
    (also,) = desk.take(ben, "lips")
    assert late.task == also.task
    assert desk.take(cy, "lips")[0].task != late.task
    now += 61
    (taken,) = [g for g in desk.take(cy, "lips", 4) if g.task == late.task]
    says(desk, cy, taken, "thin")
    losers = [who for who in (ada, ben) if _loses(desk, who, late.task)]
    assert losers == [ada]
    assert {who for _, who, _ in answers(store)} == {"ben", "cy"}


def _loses(desk: Desk, who: int, task: int) -> bool:
    try:
        desk.reply(who, task, Reply(f"late-{who}", VALUE, "thin"))
    except Lost:
        return True
    return False


def test_a_late_answer_counts_while_nobody_else_has_the_place(store: Store) -> None:
    now = 1000.0
    store.now = lambda: now
    desk = Desk(store, lease=60, gold=0)
    (ada,) = raters(store, "ada")
    (given,) = desk.take(ada, "lips")
    now += 3600
    says(desk, ada, given, "full")
    assert len(answers(store)) == 1


def test_undo_gives_the_task_back_and_the_log_keeps_both(store: Store) -> None:
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    (given,) = desk.take(ada, "glasses")
    says(desk, ada, given, "round")
    assert desk.undo(ada, "undo-1") == given
    assert answers(store) == []
    assert desk.undo(ada, "undo-1") == given  # the same wish, sent again
    says(desk, ada, given, "thick")
    assert [value for _, _, value in answers(store)] == ["thick"]
    with store.read() as session:
        kinds = list(session.scalars(select(Entry.kind).order_by(Entry.id)))
    assert kinds == ["value", "undo", "value"]


def test_undo_takes_back_one_after_another_and_then_nothing(store: Store) -> None:
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    first, second = desk.take(ada, "glasses", 2)
    says(desk, ada, first, "round")
    says(desk, ada, second, "round")
    assert desk.undo(ada, "undo-1") == second
    assert desk.undo(ada, "undo-2") == first
    assert desk.undo(ada, "undo-3") is None


def test_a_skipped_task_does_not_come_back_unless_it_is_undone(store: Store) -> None:
    desk = Desk(store, gold=0)
    ada, ben = raters(store, "ada", "ben")
    (given,) = desk.take(ada, "glasses")
    desk.reply(ada, given.task, Reply("skips", SKIP))
    assert given not in desk.take(ada, "glasses", 9)
    assert given in desk.take(ben, "glasses", 9)
    assert desk.undo(ada, "undo") == given


def test_a_third_and_a_fourth_rater_are_asked_while_there_is_no_majority(store: Store) -> None:
    desk = Desk(store, gold=0)
    who = raters(store, "ada", "ben", "cy", "di", "ed")
    said = []
    for rater, value in zip(who, ("round", "thick", "none", "round", "none"), strict=True):
        given = [g for g in desk.take(rater, "glasses", 9) if g.item == 1]
        if given:
            says(desk, rater, given[0], value)
            said.append(value)
    assert said == ["round", "thick", "none", "round"]


def test_an_extra_rater_is_no_longer_asked_when_the_disagreement_is_undone(store: Store) -> None:
    desk = Desk(store, gold=0)
    ada, ben, cy = raters(store, "ada", "ben", "cy")
    (given,) = desk.take(ada, "glasses")
    says(desk, ada, given, "round")
    (again,) = desk.take(ben, "glasses")
    assert again.task == given.task
    says(desk, ben, given, "thick")
    desk.undo(ben, "undo")
    says(desk, ben, given, "round")
    assert given.task not in {g.task for g in desk.take(cy, "glasses", 9)}
    with store.read() as session:
        places = session.scalars(select(Place).where(Place.task_id == given.task))
        assert [p.done for p in places] == [True, True]


def test_raising_the_overlap_opens_places_and_counts_what_is_there(store: Store) -> None:
    desk = Desk(store, gold=0)
    who = raters(store, "ada", "ben", "cy")
    for rater in who[:2]:
        while given := desk.take(rater, "lips"):
            says(desk, rater, given[0], "thin")
    plan(store, ("lips",), overlap=3)
    assert len(desk.take(who[2], "lips", 9)) == 4
    assert desk.take(who[0], "lips", 9) == []


def test_gold_is_mixed_in_for_everybody_and_measured(store: Store) -> None:
    set_gold(store, [("p000", "glasses", "round"), ("p001", "glasses", "none")])
    desk = Desk(store, gold=1)
    for rater in raters(store, "ada", "ben", "cy"):
        given = desk.take(rater, "glasses", 2)
        assert {g.item for g in given} == {1, 2}
        for g in given:
            says(desk, rater, g, "round")
    with store.read() as session:
        found = {r.name: r.gold for r in progress(session).raters}
    assert found == dict.fromkeys(("ada", "ben", "cy"), (0.5, 2))


def test_a_whole_face_is_one_photo_after_another_in_the_order_of_traits(tmp_path: Path) -> None:
    store = filled(tmp_path, 2, ASKED, overlap=1)
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    given = desk.take(ada, "face", 20)
    assert [g.item for g in given] == [1] * len(ASKED) + [2] * len(ASKED)
    assert [g.attribute for g in given[: len(ASKED)]] == list(ASKED)


def test_a_paused_rater_gets_no_task_and_keeps_what_was_said(store: Store) -> None:
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    (given,) = desk.take(ada, "lips")
    pause(store, "ada")
    with pytest.raises(Refused, match="paused"):
        desk.take(ada, "lips")
    reply = Reply("while paused", VALUE, "thin")
    assert desk.reply_and_take(ada, given.task, reply, "lips") == []
    pause(store, "ada", paused=False)
    assert desk.take(ada, "lips")
    assert len(answers(store)) == 1


def test_what_is_no_answer_is_refused_and_nothing_is_written(store: Store) -> None:
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    (given,) = desk.take(ada, "lips")
    for bad in (
        Reply("t1", VALUE, "purple"),
        Reply("t2", VALUE, "thin", second="purple"),
        Reply("t3", "opinion"),
        Reply("t4", VALUE, "thin", wrong=("aura",)),
    ):
        with pytest.raises(UnknownValue):
            desk.reply(ada, given.task, bad)
    assert answers(store) == []
    says(desk, ada, given, "thin")


def test_the_database_refuses_to_change_the_log(store: Store) -> None:
    desk = Desk(store, gold=0)
    (ada,) = raters(store, "ada")
    says(desk, ada, desk.take(ada, "lips")[0], "thin")
    for change in (update(Entry).values(value="full"), delete(Entry)):
        with pytest.raises(DatabaseError, match="append-only"), store.write() as session:
            session.execute(change)
    assert [value for _, _, value in answers(store)] == ["thin"]


def test_one_rater_in_two_windows_and_many_at_once_never_share_a_place(tmp_path: Path) -> None:
    store = filled(tmp_path, 12, ("lips",), overlap=2)
    desk = Desk(store, gold=0)
    who = raters(store, *"abcd")

    def rate(rater: int) -> None:
        while given := desk.take(rater, "lips", 2):
            for g in given:
                try:
                    says(desk, rater, g, "thin")
                except Lost:  # the other window was first
                    continue

    windows = [Thread(target=rate, args=(rater,)) for rater in (*who, *who)]
    for window in windows:
        window.start()
    for window in windows:
        window.join()
    said = [(item, rater) for item, rater, _ in answers(store)]
    assert len(said) == len(set(said)) == 24
    with store.read() as session:
        assert not session.scalar(select(Task.id).where(Task.closed.is_(False)))
        assert session.scalar(select(Entry.id).where(Entry.kind != VALUE)) is None


def test_what_waits_is_counted_for_each_rater(store: Store) -> None:
    desk = Desk(store, gold=0)
    ada, ben = raters(store, "ada", "ben")
    says(desk, ada, desk.take(ada, "lips")[0], "thin")
    with store.read() as session:
        assert waiting(session, ada) == {"glasses": 4, "lips": 3}
        assert waiting(session, ben) == {"glasses": 4, "lips": 4}
