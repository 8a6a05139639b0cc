"""The largest face is found however it was photographed, and cut out upright."""

from __future__ import annotations

import csv
import multiprocessing
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from stickers.errors import NoFace
from stickers.face import CROP_SIDE, find_face
from stickers.photo import load_photo
from stickers.records import Face, Photo

Pixels = NDArray[np.uint8]

ASTRONAUT: Pixels = data.astronaut()
HEAD: Pixels = np.ascontiguousarray(ASTRONAUT[20:250, 100:350])


def found(pixels: Pixels, scale: float = 1.0) -> Face:
    return find_face(Photo(np.ascontiguousarray(pixels), "test", scale))


@pytest.fixture(scope="module")
def plain() -> Face:
    return found(ASTRONAUT)


def tilted(pixels: Pixels, degrees: float) -> Pixels:
    """The picture turned clockwise, nothing cut off."""
    height, width = pixels.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return np.asarray(cv2.warpAffine(pixels, matrix, (side, side), borderValue=(90, 110, 120)))


def in_a_wide_shot(pixels: Pixels, background: Pixels, face_width: float) -> Pixels:
    """The picture, shrunk, somewhere in a 1600 x 1200 one."""
    shrink = 80 / face_width
    small = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    whole = cv2.resize(background, (1600, 1200))
    whole[700 : 700 + small.shape[0], 1100 : 1100 + small.shape[1]] = small
    return np.asarray(whole)


def eyes(face: Face) -> NDArray[np.float32]:
    assert face.landmarks is not None
    return np.stack([face.landmarks[[33, 133]].mean(0), face.landmarks[[263, 362]].mean(0)])


def assert_upright_and_the_same(face: Face, reference: Face) -> None:
    assert face.landmarks is not None
    assert reference.landmarks is not None
    right, left = eyes(face)
    assert right[0] < left[0]
    assert abs(right[1] - left[1]) < 0.05 * CROP_SIDE
    shapes = [
        (f.landmarks - f.landmarks.mean(0)) for f in (face, reference) if f.landmarks is not None
    ]
    shapes = [s / np.ptp(s[:, 1]) for s in shapes]
    assert np.abs(shapes[0] - shapes[1]).mean() < 0.05


def gray(pixels: Pixels) -> Pixels:
    pixels = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels
    return np.dstack([pixels] * 3) if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., :3])


def test_the_record_keeps_its_promises(plain: Face) -> None:
    assert plain.crop.shape == (CROP_SIDE, CROP_SIDE, 3)
    assert plain.crop.dtype == np.uint8
    assert plain.mask.shape == (CROP_SIDE, CROP_SIDE)
    assert plain.mask.dtype == np.float32
    assert plain.mask.min() >= 0
    assert plain.mask.max() <= 1
    assert plain.landmarks is not None
    assert plain.landmarks.shape == (478, 2)
    assert plain.landmarks.dtype == np.float32
    assert plain.count == 1
    assert plain.photo_name == "test"
    assert all(type(v) is int for v in plain.box)


def test_the_box_holds_the_face(plain: Face) -> None:
    x, y, width, height = plain.box
    assert 170 < x < 190
    assert 60 < y < 90
    assert 80 < width < 105
    assert 90 < height < 125


def test_the_box_is_in_pixels_of_the_original_photo(plain: Face) -> None:
    assert found(ASTRONAUT, scale=0.5).box == pytest.approx([2 * v for v in plain.box], abs=2)


def test_the_face_is_in_the_middle_with_room_for_hair(plain: Face) -> None:
    assert plain.landmarks is not None
    left, top = plain.landmarks[:468].min(0)
    right, bottom = plain.landmarks[:468].max(0)
    assert abs((left + right) / 2 - CROP_SIDE / 2) < 0.06 * CROP_SIDE
    assert 1 / 3.1 < (right - left) / CROP_SIDE < 1 / 1.9
    assert top > 0.15 * CROP_SIDE
    assert bottom < 0.93 * CROP_SIDE


def test_the_mask_tells_the_person_from_what_is_behind(plain: Face) -> None:
    assert plain.landmarks is not None
    for x, y in plain.landmarks[[1, 10, 152]].astype(int):
        assert plain.mask[y, x] > 0.8
    assert plain.mask[:20, :20].mean() < 0.5


@pytest.mark.parametrize("degrees", [-40, -25, 25, 40, 90, -90, 180, 135])
def test_a_turned_photo_comes_out_upright(plain: Face, degrees: int) -> None:
    quarter, rest = divmod(degrees, 90)
    turned = np.rot90(ASTRONAUT, -quarter) if rest == 0 else tilted(ASTRONAUT, degrees)
    face = found(turned)
    assert_upright_and_the_same(face, plain)
    assert abs((face.tilt - plain.tilt - degrees + 180) % 360 - 180) < 5


def test_a_dark_photo_will_do(plain: Face) -> None:
    assert_upright_and_the_same(found((ASTRONAUT * 0.2).astype(np.uint8)), plain)


@pytest.mark.parametrize("background", ["plain", "noise", "grass", "rocket"])
def test_a_small_face_in_a_wide_shot_is_found(plain: Face, background: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), dtype=np.uint8)
    behind = {
        "plain": np.full((1200, 1600, 3), 120, np.uint8),
        "noise": noise,
        "grass": gray(data.grass()),
        "rocket": data.rocket(),
    }[background]
    face = found(in_a_wide_shot(HEAD, behind, plain.box[2]))
    x, y, width, height = face.box
    assert 1100 < x + width / 2 < 1320
    assert 700 < y + height / 2 < 900
    assert 60 < width < 100


def test_a_face_that_fills_the_frame_is_found_once_and_not_mirrored(plain: Face) -> None:
    x, y, width, height = plain.box
    tight = ASTRONAUT[y : y + height, x : x + width]
    face = found(tight)
    assert_upright_and_the_same(face, plain)
    assert face.count == 1
    # What is reflected around it has faded, and is not taken for the person.
    assert face.mask[:, :10].max() == 0
    assert face.crop[:, :40].std(axis=0).mean() < face.crop[:, 120:160].std(axis=0).mean()


def test_a_man_in_profile_is_found() -> None:
    face = found(gray(data.camera()))
    x, y, width, height = face.box
    assert 180 < x + width / 2 < 270
    assert 120 < y + height / 2 < 200


def test_of_several_faces_the_largest_is_taken_and_all_are_counted(plain: Face) -> None:
    small = cv2.resize(HEAD, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    group = np.full((260, 620, 3), 130, np.uint8)
    group[50 : 50 + small.shape[0], 10 : 10 + small.shape[1]] = small
    group[10:240, 200:450] = HEAD
    group[50 : 50 + small.shape[0], 440 : 440 + small.shape[1]] = small
    face = found(group)
    assert face.count == 3
    assert_upright_and_the_same(face, plain)
    assert 200 < face.box[0] < 450


def test_a_large_photo_gives_the_same_crop_as_a_small_one(plain: Face) -> None:
    face = found(cv2.resize(ASTRONAUT, (1900, 1900), interpolation=cv2.INTER_CUBIC))
    assert np.abs(face.crop.astype(int) - plain.crop.astype(int)).mean() < 12


@pytest.mark.parametrize(
    "name",
    ["coffee", "rocket", "brick", "grass", "gravel", "cat", "moon", "coins", "page", "horse"],
)
def test_what_is_no_face_is_not_taken_for_one(name: str) -> None:
    with pytest.raises(NoFace, match="no face was found, test: use"):
        found(gray(getattr(data, name)()))


def test_noise_and_flat_and_thin_pictures_have_no_face() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    soft = cv2.resize(noise[:25, :32], (500, 400), interpolation=cv2.INTER_CUBIC)
    for pixels in (noise, soft, *(np.full((300, 400, 3), v, np.uint8) for v in (0, 128, 255))):
        with pytest.raises(NoFace):
            found(pixels)
    for shape in ((1, 1, 3), (1, 900, 3), (1200, 2, 3)):
        with pytest.raises(NoFace):
            found(np.zeros(shape, np.uint8))


def test_the_same_photo_always_gives_the_same_face(plain: Face) -> None:
    again = found(ASTRONAUT)
    assert np.array_equal(again.crop, plain.crop)
    assert np.array_equal(again.mask, plain.mask)
    assert again.box == plain.box


def test_several_threads_may_look_at_once(plain: Face) -> None:
    faces: list[Face] = []
    threads = [threading.Thread(target=lambda: faces.append(found(ASTRONAUT))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [f.box for f in faces] == [plain.box] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_told_so_instead_of_waiting_for_ever(plain: Face) -> None:
    pool = multiprocessing.get_context("fork").Pool(1)
    with pool, pytest.raises(RuntimeError, match="spawn workers"):
        pool.apply_async(found, (ASTRONAUT,)).get(timeout=20)


_QUIET = """
import sys, numpy as np
from skimage import data
from stickers.face import find_face
from stickers.records import Photo
print("mediapipe" in sys.modules)
print(find_face(Photo(data.astronaut(), "a")).count)
print("said by us", file=sys.stderr)
"""


def test_mediapipe_is_imported_late_and_says_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _QUIET], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "1"]
    assert done.stderr == "said by us\n"


@pytest.mark.shared
def test_nearly_every_rated_photo_has_its_face_found_upright(shared: Path) -> None:
    ratings = shared / "ratings"
    with (ratings / "items.csv").open(newline="") as stream:
        rows = random.Random(4).sample(list(csv.DictReader(stream)), 30)
    missed = []
    for row in rows:
        try:
            face = find_face(load_photo(ratings / row["file"]))
        except NoFace:
            missed.append(row["item"])
            continue
        if face.landmarks is not None:
            assert eyes(face)[:, 1].mean() < face.landmarks[13, 1], row["item"]
        assert abs(face.tilt) < 60, row["item"]
    assert len(missed) <= 1, missed
