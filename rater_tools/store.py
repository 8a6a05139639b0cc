"""Where ratings are kept: the tables, and how a database is opened.

::

    Item    a photograph            Task    one question about one item
    Rater   a person                Place   one rater's seat at a task, leased, then taken
    Entry   a row of the log        Passed  a task that a rater would rather not judge

The log is append-only, and the database itself refuses to change it. An answer that is
taken back is a further row that says so. SQLite is opened in WAL mode with every commit
on disk before it counts; PostgreSQL is reached by its URL. All times are seconds since
1970, UTC.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    DDL,
    JSON,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    select,
)
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from stickers.errors import CannotWrite

VALUE: Final = "value"
NONE_FITS: Final = "none_fits"
UNSEEN: Final = "unseen"
SKIP: Final = "skip"
UNDO: Final = "undo"
ANSWERS = (VALUE, NONE_FITS, UNSEEN)
"""The kinds of entries that say something of a face."""

FIRST_ROUND = "1"
_WAIT = 60
"""Seconds that a writer waits for the writers before it."""


class Base(DeclarativeBase):
    """The tables."""


class Item(Base):
    """A photograph: what files call it, where it lies, and what its bytes are.

    Attributes:
        name: unique; the ``item`` of files.
        folder: absolute path of the folder that was imported; "" without a photo.
        file: the photo's path within it.
        digest: `stickers.training.ratings.photo_digest`; "" without a photo.
    """

    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    folder: Mapped[str] = mapped_column(Text, default="")
    file: Mapped[str] = mapped_column(Text, default="")
    digest: Mapped[str] = mapped_column(Text, default="")


class Rater(Base):
    """A person who rates."""

    __tablename__ = "raters"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    paused: Mapped[bool] = mapped_column(default=False)


class Task(Base):
    """One question about one item, to be answered by ``wanted`` raters.

    Attributes:
        attribute: a trait, ``likeness`` or ``identity``.
        round: tells later judgements of a sticker from earlier ones.
        wanted: the overlap, before any extra rater.
        gold: the known answer, as raters write it; everybody may get such a task.
        data: the sticker that is judged: share code, choices.
        priority: 0..1, higher first.
        closed: every place is taken.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("item_id", "attribute", "round"),
        Index("tasks_open", "attribute", "closed", "priority", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey(Item.id))
    attribute: Mapped[str] = mapped_column(Text)
    round: Mapped[str] = mapped_column(Text, default=FIRST_ROUND)
    wanted: Mapped[int]
    gold: Mapped[str | None] = mapped_column(Text, default=None)
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    priority: Mapped[float] = mapped_column(default=0.0)
    closed: Mapped[bool] = mapped_column(default=False)


class Place(Base):
    """One seat at a task: free, leased until a time, or done; one rater has at most one."""

    __tablename__ = "places"
    __table_args__ = (
        UniqueConstraint("task_id", "rater_id"),
        Index("places_held", "rater_id", "done"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey(Task.id))
    rater_id: Mapped[int | None] = mapped_column(ForeignKey(Rater.id), default=None)
    until: Mapped[float] = mapped_column(default=0.0)
    done: Mapped[bool] = mapped_column(default=False)


class Passed(Base):
    """A rater skipped a task and does not get it again."""

    __tablename__ = "passed"
    task_id: Mapped[int] = mapped_column(ForeignKey(Task.id), primary_key=True)
    rater_id: Mapped[int] = mapped_column(ForeignKey(Rater.id), primary_key=True)


class Entry(Base):
    """A row of the log.

    Attributes:
        kind: one of `ANSWERS`, ``skip`` or ``undo``.
        value: the code as raters write it; "?" where unseen, "" where none fits.
        second: the second choice, a code too.
        wrong: of a judged sticker, the traits that are wrong, with blanks between.
        comment: free text.
        seconds: from when the photo was shown; None where not measured.
        digest: the photo's, at that time.
        token: of the screen that sent it, so that sending again adds nothing; None for
            imported rows.
        undoes: the entry that this one takes back.
    """

    __tablename__ = "log"
    __table_args__ = (Index("log_of_item", "item_id", "attribute"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    rater_id: Mapped[int] = mapped_column(ForeignKey(Rater.id), index=True)
    item_id: Mapped[int] = mapped_column(ForeignKey(Item.id))
    attribute: Mapped[str] = mapped_column(Text)
    round: Mapped[str] = mapped_column(Text, default=FIRST_ROUND)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text, default="")
    second: Mapped[str | None] = mapped_column(Text, default=None)
    wrong: Mapped[str] = mapped_column(Text, default="")
    comment: Mapped[str] = mapped_column(Text, default="")
    seconds: Mapped[float | None] = mapped_column(default=None)
    digest: Mapped[str] = mapped_column(Text, default="")
    token: Mapped[str | None] = mapped_column(Text, unique=True, default=None)
    undoes: Mapped[int | None] = mapped_column(ForeignKey("log.id"), unique=True, default=None)


class Guess(Base):
    """How unsure the model is of an attribute of an item, 0..1; raters never see it."""

    __tablename__ = "guesses"
    item_id: Mapped[int] = mapped_column(ForeignKey(Item.id), primary_key=True)
    attribute: Mapped[str] = mapped_column(Text, primary_key=True)
    doubt: Mapped[float]


class Setting(Base):
    """A fact about the whole store."""

    __tablename__ = "settings"
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


_APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER log_{0} BEFORE {0} ON log "
        "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION log_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$",
        "CREATE TRIGGER log_{0} BEFORE {0} ON log FOR EACH ROW EXECUTE FUNCTION log_refuses()",
    ),
}
for _dialect, _statements in _APPEND_ONLY.items():
    for _statement in _statements:
        for _change in ("UPDATE", "DELETE") if "{0}" in _statement else ("",):
            _ddl = DDL(_statement.format(_change))  # type: ignore[no-untyped-call]
            _ddl = _ddl.execute_if(dialect=_dialect)
            event.listen(Entry.__table__, "after_create", _ddl)


class Store:
    """An open database."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self.engine = engine
        self.now = clock
        self._writing = engine.execution_options(writes=True)
        # SQLite has one writer at a time: waiting here is fair, polling its file is not.
        self._turn: AbstractContextManager[object] = (
            threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only reads."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: all of it is kept when the block ends well, else none of it."""
        with self._turn, Session(self._writing) as session, session.begin():
            yield session

    def secret(self) -> str:
        """The key that signs cookies: made once, so that a restart signs nobody out."""
        with self.write() as session:
            found = session.get(Setting, "secret")
            if found is None:
                found = Setting(key="secret", value=secrets.token_hex(32))
                session.add(found)
            return found.value

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def iso(at: float) -> str:
    """A time of the store as files tell it."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def open_store(place: str, clock: Callable[[], float] = time.time) -> Store:
    """Open the database at ``place``; tables that are missing are made.

    Args:
        place: a file's path for SQLite, or a URL such as ``postgresql://user@host/name``.
        clock: seconds since 1970.

    Raises:
        CannotWrite: it cannot be opened.
    """
    try:
        url = _url(place)
        engine = create_engine(url, pool_size=20, max_overflow=20, pool_pre_ping="://" in place)
        if url.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _sqlite)
            event.listen(engine, "begin", _begin)
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.execute(select(Setting.key).limit(1))
    except (ArgumentError, DatabaseError, ModuleNotFoundError) as exc:
        reason = str(getattr(exc, "orig", None) or exc).splitlines()[0]
        hint = "give a file, or postgresql://user@host/name"
        shown = place if "://" not in place else place.split("@")[-1]
        raise CannotWrite(f"cannot open the ratings ({reason})", where=shown, hint=hint) from None
    return Store(engine, clock)


def _url(place: str) -> URL:
    if "://" not in place:
        return URL.create("sqlite", database=place)
    url = make_url(place)
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says
    connection.execute(f"PRAGMA busy_timeout={_WAIT * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    """A writer queues before it reads, so that what it read is still so when it writes."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
