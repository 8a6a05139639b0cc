"""Forty raters at once: no answer is lost, none is doubled, the overlap is kept exactly."""

from __future__ import annotations

import http.client
import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Lock, Thread

import pytest
from sqlalchemy import insert, select

from rater_tools.answers import read_answers
from rater_tools.overlap import EXTRA
from rater_tools.plan import plan
from rater_tools.store import Entry, Item, Store, Task, open_store
from raters_help import free_port, postgres, postgres_programs, served

pytestmark = pytest.mark.load

ITEMS, RATERS, OVERLAP, LEASE = 2000, 40, 2, 10
WALK_AWAY = 5
"""Raters who take a photo half-way and are never seen again."""
CHOICES = ("none", "round", "thick")
SLIP = 0.05


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "ratings.db")
    elif postgres_programs() is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed, and .ci/run should have seen to it")
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    else:
        with postgres() as url:
            yield url


class Crowd:
    """Raters who answer what they are shown, as often as it takes to be heard."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.lock = Lock()
        self.heard: dict[tuple[str, int], str] = {}
        self.late: Counter[str] = Counter()
        self.half, self.finished = Event(), Event()

    def ask(
        self, link: http.client.HTTPConnection, path: str, body: dict[str, object], cookie: str
    ) -> tuple[int, dict[str, object]]:
        """Send until there is an answer: the server may be away."""
        while True:
            try:
                headers = {"content-type": "application/json", "cookie": cookie}
                link.request("POST", path, json.dumps(body), headers)
                answer = link.getresponse()
                return answer.status, json.loads(answer.read())
            except (OSError, http.client.HTTPException):
                link.close()
                time.sleep(0.05)

    def sign_in(self, name: str) -> tuple[http.client.HTTPConnection, str]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        form = {"content-type": "application/x-www-form-urlencoded"}
        link.request("POST", "/sign-in", f"name={name}&join=true", form)
        answer = link.getresponse()
        answer.read()
        return link, str(answer.headers["set-cookie"]).partition(";")[0]

    def rate(self, number: int) -> None:
        name, dice = f"rater-{number}", random.Random(number)
        link, cookie = self.sign_in(name)
        what: dict[str, object] = {"attribute": "glasses", "count": 1}
        _, got = self.ask(link, "/api/take", what, cookie)
        while not self.finished.is_set():
            tasks = got.get("tasks")
            if not isinstance(tasks, list) or not tasks:
                time.sleep(0.5)  # what others hold may come free
                _, got = self.ask(link, "/api/take", what, cookie)
                continue
            if number < WALK_AWAY and self.half.is_set():
                return
            task = int(tasks[0]["task"])
            value = CHOICES[task % 3] if dice.random() > SLIP else dice.choice(CHOICES)
            token = f"{name}/{task}/{dice.random()}"
            said = what | {"task": task, "token": token, "kind": "value", "value": value}
            status, got = self.ask(link, "/api/reply", said, cookie)
            with self.lock:
                if status == 200:
                    self.heard[name, task] = value
                    if len(self.heard) >= ITEMS:
                        self.half.set()
                else:
                    assert status == 409, got
                    self.late[name] += 1
            if status != 200:
                _, got = self.ask(link, "/api/take", what, cookie)


def needed(votes: list[str]) -> int:
    """How many answers the rule asks for, where these come in this order."""
    need = OVERLAP
    while need < OVERLAP + EXTRA and 2 * max(Counter(votes[:need]).values()) <= need:
        need += 1
    return need


def all_closed(store: Store, seconds: float) -> bool:
    """Wait until every place of every task is taken."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with store.read() as session:
            if session.scalar(select(Task.id).where(Task.closed.is_(False)).limit(1)) is None:
                return True
        time.sleep(0.5)
    return False


def test_forty_raters_two_thousand_photos_and_a_server_that_is_killed(db: str) -> None:
    store = open_store(db)
    with store.write() as session:
        rows = [
            {"name": f"i{n}", "folder": "/", "file": "x.png", "digest": ""} for n in range(ITEMS)
        ]
        session.execute(insert(Item), rows)
    plan(store, ("glasses",), OVERLAP)
    port = free_port()
    crowd = Crowd(port)
    threads = [Thread(target=crowd.rate, args=(n,), daemon=True) for n in range(RATERS)]
    lease = ("--lease", str(LEASE))
    with served(db, port, *lease) as server:
        for thread in threads:
            thread.start()
        assert crowd.half.wait(900)
        server.kill()
    with served(db, port, *lease):
        assert all_closed(store, seconds=900)
        crowd.finished.set()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
    with store.read() as session:
        answers = read_answers(session)
        entries = list(
            session.execute(select(Entry.item_id, Entry.rater_id, Entry.value).order_by(Entry.id))
        )
        tasks = {t.item_id: t for t in session.scalars(select(Task))}
        names = {i.id: i.name for i in session.scalars(select(Item))}
    logged = {(a.rater, a.item): a.value for a in answers}
    item_of = {t.id: names[item] for item, t in tasks.items()}
    heard = {(who, item_of[task]): value for (who, task), value in crowd.heard.items()}
    assert logged == heard
    assert len(entries) == len(logged)
    votes: dict[int, list[str]] = defaultdict(list)
    for item, _, value in entries:
        votes[item].append(value)
    assert len(votes) == ITEMS
    assert all(len(said) == needed(said) for said in votes.values())
    assert all(t.closed for t in tasks.values())
    assert sum(len(said) > OVERLAP for said in votes.values()) > 20
    store.close()
