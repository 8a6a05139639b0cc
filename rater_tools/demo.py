"""Something to look at: rated photographs if they are there, else people that are drawn."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image
from sqlalchemy import select

from rater_tools.imports import Imported, add_rows, import_path
from rater_tools.judge import plan_judging
from rater_tools.plan import plan
from rater_tools.questions import ASKED, question
from rater_tools.rows import Row
from rater_tools.store import VALUE, Item, Store
from rater_tools.tiles import catalog
from stickers.avatar import Avatar, random_avatar
from stickers.catalog import values_of
from stickers.compose import compose
from stickers.output import staged
from stickers.raster import rasterise
from stickers.traits import TRAITS

DRAWN = 24
"""People who are drawn where there is no photograph."""
TO_RATE, TO_JUDGE = 40, 20
OVERLAP = 3
_SLIP = 0.15
"""How often a made-up rater says something else."""
_BACKGROUND = (214, 226, 222)


def demo(store: Store, ratings: Path, photos: Path) -> Imported:
    """Fill an empty store, and plan work for `TO_RATE` photos and `TO_JUDGE` stickers.

    Args:
        store: the store.
        ratings: a folder of rated photographs; where it holds none, people are drawn.
        photos: the folder to draw them into.
    """
    if (ratings / "ratings.csv").is_file():
        done = import_path(store, ratings)
    else:
        done = add_rows(store, draw_people(photos), photos / "ratings.csv", photos)
    with store.read() as session:
        named = select(Item.name).where(Item.file != "").order_by(Item.id).limit(TO_RATE)
        names = list(session.scalars(named))
    plan(store, ASKED, OVERLAP, names)
    plan_judging(store, TO_JUDGE)
    return done


def draw_people(folder: Path, count: int = DRAWN) -> list[Row]:
    """Draw ``count`` people as ``<item>.png``, and what two made-up raters say of them."""
    rows: list[Row] = []
    with staged(folder) as stage:
        for number in range(count):
            person, item = random_avatar(number, catalog().style), f"drawn-{number:02}"
            figure = rasterise(compose(person, catalog()).svg)
            picture = Image.new("RGB", figure.size, _BACKGROUND)
            picture.paste(figure, (0, 0), figure)
            picture.save(stage / f"{item}.png")
            for rater in ("Ada (made up)", "Ben (made up)"):
                rows += _said(person, item, rater, random.Random(f"{item} {rater}"))
    return rows


def _said(person: Avatar, item: str, rater: str, dice: random.Random) -> list[Row]:
    rows = []
    for attribute in ASKED:
        codes = [c.code for c in question(attribute).choices]
        code = TRAITS[attribute].to_rating(values_of(person.traits[attribute]))
        if dice.random() < _SLIP:
            code = dice.choice(codes)
        second = dice.choice(codes) if attribute == "hair_style" else None
        rows.append(Row(item, rater, attribute, VALUE, code, second))
    return rows
