"""Which channels know: on made-up vectors, and on a page of real ones."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from stickers.embed import load_model
from stickers.errors import BadRatings, UnknownValue
from stickers.training import probe as module
from stickers.training.probe import areas, probe, rank
from stickers.training.probe_page import heat, write_page

pytestmark = pytest.mark.training


def test_an_area_is_the_chance_to_rank_rightly() -> None:
    vectors = np.array([[0, 3, 1], [1, 2, 1], [2, 1, 1], [3, 0, 1]], np.float32)
    truth = np.array([[False], [False], [True], [True]])
    assert areas(vectors, truth)[:, 0].tolist() == [1.0, 0.0, 0.5]


def test_each_values_best_channel_comes_first() -> None:
    rng = np.random.default_rng(0)
    truth = np.eye(3, dtype=bool)[rng.integers(0, 3, 600)]
    vectors = rng.normal(0, 1, (600, 20)).astype(np.float32)
    vectors[:, 7] += 4 * truth[:, 0]
    vectors[:, 3] -= 3 * truth[:, 1]
    vectors[:, 11] += 2 * truth[:, 2]
    ranking, best = rank(vectors, truth)
    assert set(ranking[:3]) == {7, 3, 11}
    assert sorted(ranking) == list(range(20))
    assert (best[7], best[3], best[11]) == (0, 1, 2)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A hundred pictures of one person, half of them with a black bar over the eyes."""
    face = np.asarray(Image.fromarray(data.astronaut()[0:230, 110:340]))
    (tmp_path / "faces").mkdir()
    rng = np.random.default_rng(0)
    with (tmp_path / "ratings.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["item", "rater", "attribute", "value"])
        for i in range(100):
            pixels = np.clip(face * rng.uniform(0.7, 1.2), 0, 255).astype(np.uint8)
            if i % 2:
                pixels[95:120, 80:170] = 10
            Image.fromarray(pixels).save(tmp_path / "faces" / f"p{i}.png")
            rows.writerow([f"p{i}", "a", "glasses", "sunglasses" if i % 2 else "none"])
            rows.writerow([f"p{i}", "a", "lips", "thin"])
    return tmp_path / "ratings.csv"


def test_a_probe_finds_channels_and_draws_them(table: Path, tmp_path: Path) -> None:
    found = probe("glasses", table, table.parent / "faces")
    assert found.values == ("none", "sunglasses")
    assert found.channels == load_model().channels
    assert found.faces > 80
    best = found.top[0]
    assert abs(best.auc[best.best] - 0.5) > 0.45
    assert found.whole > 0.95
    assert found.needed <= 16
    assert [count for count, _ in found.curve][-1] == found.channels
    again = probe("glasses", table, table.parent / "faces", limit=90)
    assert again.faces <= 90

    page = write_page(found, tmp_path / "out" / "glasses.html").read_text()
    assert page.count("<img") == 8 * len(found.top)
    assert "http" not in page.replace("http-equiv", "")
    assert f"Channel {best.number}, best at" in page


def test_a_trait_that_cannot_be_probed_is_refused(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UnknownValue, match="no trait 'shoes'"):
        probe("shoes", table, table.parent / "faces")
    monkeypatch.setattr(
        module, "_vectors", lambda drawn, *_: (list(drawn), np.ones((len(drawn), 4), np.float32))
    )
    with pytest.raises(BadRatings, match="too few faces rated for lips"):
        probe("lips", table, table.parent / "faces")
    with pytest.raises(BadRatings, match="too few faces rated for nose"):
        probe("nose", table, table.parent / "faces")


def test_heat_is_where_the_channel_is_excited() -> None:
    maps = np.zeros((5, 5), np.float32)
    maps[1, 3] = 2.0
    picture = heat(np.full((100, 100, 3), 100, np.uint8), maps)
    red = picture[..., 0].astype(int) - picture[..., 2]
    assert np.unravel_index(red.argmax(), red.shape) == pytest.approx((30, 70), abs=5)
    assert red[80, 10] == 0
