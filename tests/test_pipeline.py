from __future__ import annotations

import io

import pytest
from PIL import Image

import stickers
from stickers.errors import NoFace, NotAnImage, StickersError, UnknownValue
from stickers.photo import load_photo
from stickers.sample import sample_photo
from stickers.traits import PREDICTED


@pytest.fixture(scope="module")
def selfie() -> bytes:
    out = io.BytesIO()
    Image.fromarray(sample_photo().pixels).save(out, "JPEG", quality=92)
    return out.getvalue()


def test_bytes_paths_and_photos_give_the_same_analysis(selfie: bytes, tmp_path) -> None:
    path = tmp_path / "me.jpg"
    path.write_bytes(selfie)
    seen = [stickers.analyze(source) for source in (selfie, path, str(path), load_photo(selfie))]
    assert len({str(a.attributes) for a in seen}) == 1
    assert list(seen[0].attributes) == [t.name for t in PREDICTED]


def test_the_road_gives_a_pack_of_all_scenes_of_the_person(selfie: bytes) -> None:
    pack = stickers.make(selfie, changes={"glasses": "round"})
    assert len(pack.stickers) >= 8
    assert pack.avatar.traits["glasses"] == "round"
    again = stickers.render(pack.avatar.code())
    assert [s.svg for s in again.stickers] == [s.svg for s in pack.stickers]


def test_the_astronaut_is_recognised_in_the_plain_things() -> None:
    attributes = stickers.analyze(sample_photo()).attributes
    assert attributes["glasses"].values == ("none",)
    assert attributes["facial_hair"].values == ("none",)
    assert attributes["headwear"].values == ("none",)
    assert int(attributes["skin_tone"].values[0]) <= 5


def test_errors_share_one_root_and_say_what_to_do(selfie: bytes) -> None:
    for source, kind in ((b"no picture", NotAnImage), (sample_black(), NoFace)):
        with pytest.raises(kind) as told:
            stickers.make(source)
        assert isinstance(told.value, StickersError)
        assert told.value.hint
    with pytest.raises(UnknownValue):
        stickers.make(selfie, style="none-such")


def sample_black() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480)).save(out, "PNG")
    return out.getvalue()
