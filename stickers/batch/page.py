"""How a batch stands, as one HTML page that needs nothing else: ``summary.html``.

The page shows avatars, which are drawn again from their codes, and no photo unless it
is asked for.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from PIL import Image

from stickers.batch.manifest import MANIFEST, Result
from stickers.batch.recipe import Layout, Recipe
from stickers.pack import Progress, unwatched

if TYPE_CHECKING:
    from stickers.batch.run import Summary
    from stickers.catalog import Catalog

PAGE = "summary.html"
"""The page's name in the output place."""
MOST = 5000
"""Avatars on the page, so that a browser can still show it."""

_SIDE = 120
_SLOWEST = 10
_STYLE = """
:root { --page: #f4f7f5; --card: #fff; --ink: #23302c; --soft: #55635e; --line: #d5deda;
  --brand: #17695c; --bad: #a3261b; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --page: #161b19; --card: #212926; --ink: #eaf1ee;
  --soft: #aab8b2; --line: #37433e; --brand: #6fd0bd; --bad: #ff9c8f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 75rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; }
p { margin: 0; } .soft, figcaption, td.soft { color: var(--soft); } code { font-size: .92em; }
.counts { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .8rem;
  margin: 1.4rem 0 0; padding: 0; list-style: none; }
.counts li { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: .8rem 1rem; color: var(--soft); }
.counts b { display: block; font-size: 1.9rem; line-height: 1.15; color: var(--ink);
  font-variant-numeric: tabular-nums; }
.counts .made b { color: var(--brand); } .counts .failed b, .counts .left b { color: var(--bad); }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .45rem 1rem; text-align: left;
  vertical-align: top; } th { font-weight: 600; color: var(--soft); font-size: .9rem; }
tr + tr td, tbody tr:first-child td { border-top: 1px solid var(--line); }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td { overflow-wrap: anywhere; } details { margin: 0 0 .3rem; }
summary { cursor: pointer; padding: .3rem 0; font-weight: 600; } summary .n { color: var(--bad); }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: .8rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  content-visibility: auto; contain-intrinsic-size: auto 10rem; }
figure a { display: block; color: inherit; text-decoration: none; padding: .6rem;
  border-radius: 14px; }
figure a:hover { outline: 2px solid var(--brand); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--brand); outline-offset: 2px; }
.pair { display: flex; gap: .3rem; justify-content: center; } .pair img { min-width: 0; }
.pair img { width: 100%; max-width: 120px; height: auto; display: block; }
.photos .sheet { grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
.photos .pair img { width: 50%; } .photos .pair img + img { border-radius: 10px; }
figcaption { font-size: .85rem; line-height: 1.3; margin-top: .4rem; text-align: center;
  overflow-wrap: anywhere; }
@media (max-width: 30rem) { th, td { padding: .4rem .6rem; font-size: .9rem; }
  .counts { grid-template-columns: 1fr 1fr; }
  .sheet { grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); }
  .photos .sheet { grid-template-columns: 1fr 1fr; } }
"""


def write_page(
    summary: Summary,
    recipe: Recipe,
    *,
    with_photos: bool = False,
    progress: Progress = unwatched,
) -> None:
    """Write ``summary.html`` into the batch's place.

    Args:
        summary: how the batch stands.
        recipe: how its packs were made.
        with_photos: put a small copy of each photo beside its avatar.
        progress: told the name of each avatar that is drawn.

    Raises:
        CannotWrite: the place refuses.
        BadStyle: the style breaks the art contract.
    """
    html = "".join(_page(summary, recipe, with_photos, progress))
    summary.place.write(PAGE, html.encode(errors="replace"))


def _page(summary: Summary, recipe: Recipe, with_photos: bool, progress: Progress) -> Iterator[str]:
    packs = len(summary.packs)
    title = f"{packs:,} of {summary.photos:,} photos have their stickers"
    yield f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{_STYLE}</style></head>
<body{" class='photos'" * with_photos}><main>
<h1>{title}</h1>
<p class="soft">Style {escape(recipe.style_version)}, model {escape(recipe.model_version)}.
Every photo has a line in <code>{MANIFEST}</code>.</p>
<ul class="counts">{_counts(summary)}</ul>
"""
    yield from _failures(summary)
    yield from _slowest(summary.packs)
    yield from _sheet(summary.packs, recipe, with_photos, progress)
    yield "</main></body></html>\n"


def _counts(summary: Summary) -> str:
    counts = {
        "made": len(summary.packs) - summary.linked,
        "failed": len(summary.failed),
        "linked, same photo": summary.linked,
        "skipped, no pictures": len(summary.skipped),
        "left to do": summary.left,
    }
    shown = {what: n for what, n in counts.items() if n or what in ("made", "failed")}
    return "".join(f"<li class='{w.split()[0]}'><b>{n:,}</b> {w}</li>" for w, n in shown.items())


def _failures(summary: Summary) -> Iterator[str]:
    if not summary.failed:
        return
    yield "<h2>Failed, by reason</h2>"
    for code, count in summary.reasons.items():
        alike = (r for r in summary.failed if r.error and r.error.code == code)
        rows = "".join(
            f"<tr><td>{_text(r.photo.name)}</td><td class='soft'>{_text(r.error.message)}</td></tr>"
            for r in alike
            if r.error
        )
        yield (
            f"<details><summary>{escape(code.replace('_', ' '))} <span class='n'>{count:,}</span>"
            f"</summary><div class='wide'><table><thead><tr><th scope='col'>photo</th>"
            f"<th scope='col'>what happened, and what to do</th></tr></thead>"
            f"<tbody>{rows}</tbody></table></div></details>"
        )


def _slowest(packs: Iterable[Result]) -> Iterator[str]:
    slow = sorted(packs, key=lambda r: -r.total_ms)[:_SLOWEST]
    if not slow:
        return
    rows = "".join(
        f"<tr><td>{_text(r.name)}</td><td class='n'>{r.total_ms / 1000:.2f} s</td>"
        f"<td class='soft'>{_text(_stages(r))}</td></tr>"
        for r in slow
    )
    yield (
        "<h2>Time</h2><details><summary>The slowest</summary>"
        "<div class='wide'><table><thead><tr><th scope='col'>photo</th>"
        "<th scope='col' class='n'>took</th><th scope='col'>most of it</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _stages(result: Result) -> str:
    longest = sorted(result.ms.items(), key=lambda stage: -stage[1])[:3]
    return ", ".join(f"{stage} {ms / 1000:.2f} s" for stage, ms in longest)


def _sheet(
    packs: tuple[Result, ...], recipe: Recipe, with_photos: bool, progress: Progress
) -> Iterator[str]:
    from stickers.catalog import load_catalog

    if not packs:
        return
    catalog = load_catalog(recipe.style)
    yield "<h2>Avatars</h2>"
    if len(packs) > MOST:
        yield f"<p class='soft'>The first {MOST:,} of {len(packs):,}.</p>"
    yield "<div class='sheet'>"
    for result in islice(packs, MOST):
        pictures = _picture(_avatar(result, catalog), f"Avatar of {result.name}")
        if with_photos and (photo := _photo(result)):
            pictures += _picture(photo, f"Photo of {result.name}")
        yield (
            f"<figure><a href='{_link(result, recipe)}'><div class='pair'>{pictures}</div>"
            f"<figcaption>{_text(result.name)}</figcaption></a></figure>"
        )
        progress(result.name)
    yield "</div>"


def _link(result: Result, recipe: Recipe) -> str:
    """The pack's own sheet beside the page, or its zip."""
    path = recipe.paths(result.name)[0 if recipe.layout is Layout.ZIP else -1]
    return escape(quote(path.encode(errors="replace")))


def _avatar(result: Result, catalog: Catalog) -> Image.Image:
    from stickers.avatar import Avatar
    from stickers.compose import compose
    from stickers.raster import rasterise

    return rasterise(compose(Avatar.from_code(result.code), catalog).svg, _SIDE)


def _photo(result: Result) -> Image.Image | None:
    """A small square of a photo; None if it is not there any more."""
    from stickers.errors import PhotoError
    from stickers.photo import load_photo

    try:
        photo = Image.fromarray(load_photo(result.photo).pixels)
    except PhotoError:
        return None
    side = min(photo.size)
    left = (photo.width - side) // 2
    return photo.resize((_SIDE, _SIDE), box=(left, 0, left + side, side))


def _picture(picture: Image.Image, alt: str) -> str:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=78, method=3)
    data = base64.b64encode(out.getvalue()).decode()
    return (
        f"<img src='data:image/webp;base64,{data}' width='{_SIDE}' height='{_SIDE}'"
        f" alt='{_text(alt)}' loading='lazy' decoding='async'>"
    )


def _text(text: str) -> str:
    """``text`` for the page, whatever a file is called."""
    return escape(text.encode(errors="replace").decode())
