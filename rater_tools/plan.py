"""What is to be rated, and by whom: items, raters, tasks, overlap, gold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from rater_tools.answers import counting
from rater_tools.overlap import EXTRA, settle
from rater_tools.questions import check_attribute, check_code
from rater_tools.store import FIRST_ROUND, Entry, Item, Place, Rater, Store, Task
from stickers.errors import UnknownValue
from stickers.training.ratings import photo_digest

NAME_LIMIT = 80
"""Characters of a rater's name."""


def rater_called(session: Session, name: str, *, add: bool = False) -> Rater:
    """The rater of this name.

    Args:
        session: a transaction.
        name: outer blanks do not count.
        add: make one if there is none.

    Raises:
        UnknownValue: no such rater, or no name for one.
    """
    name = name.replace("\0", "").strip()
    found = session.scalars(select(Rater).where(Rater.name == name)).first()
    if found is not None:
        return found
    if not add:
        raise UnknownValue(f"there is no rater {name!r}", hint="see `raters progress`")
    if not name or len(name) > NAME_LIMIT:
        raise UnknownValue("not a name", hint=f"use 1 to {NAME_LIMIT} characters")
    rater = Rater(name=name)
    session.add(rater)
    session.flush()
    return rater


def pause(store: Store, name: str, *, paused: bool = True) -> None:
    """Let a rater get no more tasks, or tasks again; raises UnknownValue if there is none."""
    with store.write() as session:
        rater_called(session, name).paused = paused


def add_items(
    session: Session, names: Iterable[str], photos: Mapping[str, Path], folder: Path
) -> int:
    """Make the items that are missing, and give photos to those that have none.

    Args:
        session: a transaction.
        names: of all items.
        photos: item -> photo, within ``folder``.
        folder: what was imported; no photo outside it is ever shown.

    Returns:
        How many are new.
    """
    known = {i.name: i for i in session.scalars(select(Item))}
    root, new = folder.resolve(), []
    for name in names:
        path = photos.get(name)
        item = known.get(name)
        if item is not None and (item.file or path is None):
            continue
        where = {} if path is None else _located(path, root)
        if item is None:
            new.append({"name": name, "folder": "", "file": "", "digest": ""} | where)
        else:
            item.folder, item.file, item.digest = where["folder"], where["file"], where["digest"]
    if new:
        session.execute(insert(Item), new)
    return len(new)


def _located(path: Path, root: Path) -> dict[str, str]:
    file = path.resolve().relative_to(root)
    return {"folder": str(root), "file": str(file), "digest": photo_digest(path)}


def photo_of(item: Item) -> Path | None:
    """Where an item's photo is: a file within the imported folder, or None."""
    if not item.file:
        return None
    root = Path(item.folder).resolve()
    path = (root / item.file).resolve()
    return path if path.is_relative_to(root) and path.is_file() else None


def plan(
    store: Store, attributes: Sequence[str], overlap: int, names: Iterable[str] | None = None
) -> int:
    """Have every photo rated by ``overlap`` raters on each of ``attributes``.

    Answers that are there already count. A task that exists gets the new overlap.

    Args:
        store: the store.
        attributes: traits.
        overlap: raters a task, at least 1.
        names: of the items; all that have a photo if not given.

    Returns:
        How many tasks there are now of these.

    Raises:
        UnknownValue: no such trait, or a number that makes no sense.
    """
    for attribute in attributes:
        check_attribute(attribute)
    if overlap < 1:
        raise UnknownValue(f"an overlap of {overlap}", hint="use 1 or more")
    with store.write() as session:
        query = select(Item.id).where(Item.file != "").order_by(Item.id)
        if names is not None:
            query = query.where(Item.name.in_(list(names)))
        wanted = [(i, a) for i in session.scalars(query) for a in attributes]
        old = {
            (t.item_id, t.attribute): t
            for t in session.scalars(
                select(Task).where(Task.attribute.in_(attributes), Task.round == FIRST_ROUND)
            )
        }
        new = [
            {"item_id": i, "attribute": a, "wanted": overlap}
            for i, a in wanted
            if (i, a) not in old
        ]
        if new:
            session.execute(insert(Task), [d | _FRESH for d in new])
        for key in wanted:
            if key in old and old[key].wanted != overlap:
                old[key].wanted = overlap
                settle(session, old[key])
        seat(session, attributes)
    return len(wanted)


_FRESH = {"round": FIRST_ROUND, "data": {}, "priority": 0.0, "closed": False}


def seat(session: Session, attributes: Sequence[str]) -> None:
    """Give every task its places: those of raters who have answered, and the free ones."""
    said: dict[tuple[int, str, str], set[int]] = defaultdict(set)
    query = counting().where(Entry.attribute.in_(attributes))
    columns = (Entry.item_id, Entry.attribute, Entry.round, Entry.rater_id)
    for item, attribute, turn, rater in session.execute(query.with_only_columns(*columns)):
        said[item, attribute, turn].add(rater)
    seated: dict[int, list[Place]] = defaultdict(list)
    for place in session.scalars(select(Place).join(Task).where(Task.attribute.in_(attributes))):
        seated[place.task_id].append(place)
    tasks = list(session.scalars(select(Task).where(Task.attribute.in_(attributes))))
    new: list[dict[str, object]] = []
    changed: list[Task] = []
    for task in tasks:
        answered = said[task.item_id, task.attribute, task.round]
        places = seated[task.id]
        for place in places:
            if place.rater_id in answered and not place.done:
                place.done = True
                changed.append(task)
        missing = answered - {p.rater_id for p in places}
        new += [_place(task, rater, done=True) for rater in sorted(missing)]
        if not places and task.gold is None:
            new += [_place(task) for _ in range(task.wanted - len(answered))]
        if missing:
            changed.append(task)
    if new:
        session.execute(insert(Place), new)
    for task in dict.fromkeys(changed):
        settle(session, task, EXTRA)


def _place(task: Task, rater: int | None = None, *, done: bool = False) -> dict[str, object]:
    return {"task_id": task.id, "rater_id": rater, "done": done, "until": 0.0}


def set_gold(store: Store, answers: Iterable[tuple[str, str, str]]) -> int:
    """Known answers as (item, attribute, code): everybody may get these, now and then.

    Returns:
        How many were set.

    Raises:
        UnknownValue: no such item, attribute or code.
    """
    count = 0
    with store.write() as session:
        items = dict(session.execute(select(Item.name, Item.id)).all())
        for name, attribute, code in answers:
            if name not in items:
                raise UnknownValue(f"there is no item {name!r}", hint="import its photo first")
            check_code(check_attribute(attribute), code)
            task = session.scalars(
                select(Task).where(
                    Task.item_id == items[name],
                    Task.attribute == attribute,
                    Task.round == FIRST_ROUND,
                )
            ).first()
            if task is None:
                task = Task(item_id=items[name], attribute=attribute, wanted=1)
                session.add(task)
                session.flush()
            task.gold = code
            settle(session, task)
            count += 1
    return count
