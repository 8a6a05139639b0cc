"""A face's proportions: the same however it is turned, moved, enlarged or mirrored."""

import numpy as np
import pytest

from stickers.face import find_face
from stickers.geometry import PROPORTIONS, proportions
from stickers.sample import sample_photo


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    found = find_face(sample_photo()).landmarks
    assert found is not None
    return found


def test_they_are_plain_numbers_about_a_faces_width(landmarks: np.ndarray) -> None:
    found = proportions(landmarks)
    assert found.shape == (PROPORTIONS,)
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(0.5, abs=0.02)
    assert np.abs(found).max() < 1.5


def test_turning_moving_and_enlarging_changes_nothing(landmarks: np.ndarray) -> None:
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    other = (landmarks @ turn.T * 3 + [40, -15]).astype(np.float32)
    assert np.allclose(proportions(other), proportions(landmarks), atol=1e-3)


def test_a_longer_nose_shows(landmarks: np.ndarray) -> None:
    longer = landmarks.copy()
    longer[[1, 2, 4]] += [0, 10]
    changed = np.flatnonzero(np.abs(proportions(longer) - proportions(landmarks)) > 0.01)
    assert len(changed) == 3


def test_without_a_mesh_all_are_unknown(landmarks: np.ndarray) -> None:
    assert np.isnan(proportions(None)).all()
    broken = landmarks.copy()
    broken[3] = np.nan
    assert np.isnan(proportions(broken)).all()
