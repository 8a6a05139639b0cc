from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from stickers.catalog import Catalog
from stickers.contact import SCENES, write_pages
from stickers.traits import COLOURS, TRAITS


@pytest.mark.sweep
def test_the_whole_catalogue_is_drawn_a_page_per_trait(sly: Catalog, tmp_path: Path) -> None:
    told: list[str] = []
    files = write_pages(sly, tmp_path, progress=told.append)
    assert told == [p.stem for p in files] == [*TRAITS, *COLOURS, SCENES]
    sizes = {p.stem: Image.open(p).size for p in files}
    assert sizes["hair_style"][1] > sizes["nose"][1]
    assert all(path.stat().st_size > 5_000 for path in files)
