"""A probe as one HTML page, with the faces that excite the best channels most.

The page holds people's photographs: it is for the eyes of those who may see them.
"""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stickers.embed import MAPS, Model, fit, inputs, load_model
from stickers.face import find_face
from stickers.output import whole
from stickers.photo import load_photo
from stickers.training.probe import Channel, Probe

_FACES = 8
_SIDE = 144
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem;
  color: #222; background: #fff; }
h1, h2 { line-height: 1.2; } .warn { background: #fff3cd; padding: .6rem 1rem; border-radius: 8px; }
.faces { display: grid; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); gap: 10px; }
.faces img { width: 100%; border-radius: 8px; display: block; }
figure { margin: 0; } figcaption { font-size: 13px; color: #555; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr:nth-child(even) { background: #f5f5f5; }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #eee; }
  tr:nth-child(even) { background: #262626; } .warn { color: #222; } figcaption { color: #aaa; } }
"""


def write_page(found: Probe, path: Path, *, model: Path | None = None) -> Path:
    """Write ``path``, a page that needs nothing else; returns it.

    Raises:
        CannotWrite: the place refuses.
    """
    loaded = load_model(model)
    sections = "".join(_section(channel, found, loaded) for channel in found.top)
    html = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which neurons know {escape(found.trait)}</title><style>{_STYLE}</style></head><body><main>
<h1>Which neurons know {escape(found.trait)}</h1>
<p class="warn">This page holds photographs of people. Keep it to those who may see them.</p>
<p>{found.needed} of {found.channels} channels of {escape(loaded.name)} come within 2% of what all
of them know together: balanced accuracy {found.whole:.3f} over {len(found.values)} values, on
{found.faces} faces, half of them to learn from and half to measure on.</p>
{_curve_table(found)}
{sections}
</main></body></html>
"""
    with whole(path) as part:
        part.write_text(html, encoding="utf-8")
    return path


def _curve_table(found: Probe) -> str:
    rows = "".join(f"<tr><td>{n}</td><td>{score:.3f}</td></tr>" for n, score in found.curve)
    return f"<table><tr><th>channels</th><th>balanced accuracy</th></tr>{rows}</table>"


def _section(channel: Channel, found: Probe, model: Model) -> str:
    told = ", ".join(
        f"{escape(value)} {auc:.2f}"
        for value, auc in sorted(channel.auc.items(), key=lambda pair: -abs(pair[1] - 0.5))
    )
    order = np.argsort(-found.vectors[:, channel.number], kind="stable")[:_FACES]
    figures = "".join(_figure(found, int(row), channel.number, model) for row in order)
    return (
        f"<h2>Channel {channel.number}, best at {escape(channel.best)}</h2>"
        f"<p>AUC: {told}</p><div class='faces'>{figures}</div>"
    )


def _figure(found: Probe, row: int, channel: int, model: Model) -> str:
    face = find_face(load_photo(found.photos[row]))
    maps = model.session.run([MAPS], inputs([face], model.side))[0][0]
    picture = heat(fit(face.crop, _SIDE), maps[channel])
    data = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]))[1].tobytes()
    source = f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
    value = found.vectors[row, channel]
    return (
        f'<figure><img src="{source}" alt="A face, warmer where channel {channel} is excited">'
        f"<figcaption>{value:.2f}</figcaption></figure>"
    )


def heat(crop: NDArray[np.uint8], excited: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A face, S x S x 3 uint8 RGB, under the h x w map of what excites a channel.

    Red where the map is highest; the face stays grey where it is lowest.
    """
    side = crop.shape[0]
    level = cv2.resize(excited.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    low, reach = float(excited.min()), max(float(np.ptp(excited)), 1e-6)
    level = np.clip((level - low) / reach, 0, 1)[..., None]
    grey = crop.mean(axis=2, keepdims=True)
    warm = np.array([255.0, 60.0, 20.0])
    return np.asarray(grey * (1 - 0.6 * level) + warm * 0.6 * level, dtype=np.uint8)
