"""The records that travel the road, one frozen class per arrow.

::

    photo file -> Photo -> Face -> Embedding -> Attributes -> Avatar -> Sticker -> Pack

`Avatar` has a module of its own, because it is also a document that people keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stickers.traits import TRAITS


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded photograph, upright.

    Attributes:
        pixels: H x W x 3, uint8, RGB, 0..255, EXIF orientation applied, alpha
            flattened on white; at most `photo.WORKING_SIDE` px on its longer side.
        name: what to call it in messages; a path, or ``<bytes>``.
        scale: working pixels per original pixel, in (0, 1].
    """

    pixels: NDArray[np.uint8]
    name: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """The largest face of a photo, levelled and cut out with all of its hair.

    Attributes:
        crop: `face.CROP_SIDE` x `face.CROP_SIDE` x 3, uint8, RGB: eyes level, face
            centred, reflected where the photo ends.
        mask: same side, float32, 0..1: how likely a pixel is the person.
        landmarks: 478 x 2, float32, crop pixels (x right, y down): mediapipe's mesh
            with irises (indices 468..477); None where only the detector saw the face.
        box: (x, y, width, height) of the face in pixels of the original, upright photo.
        tilt: degrees by which the face was rotated clockwise in the photo, -180..180.
        count: how many faces were seen.
        photo_name: the photo's name, for messages.
    """

    crop: NDArray[np.uint8]
    mask: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None
    box: tuple[int, int, int, int]
    tilt: float
    count: int
    photo_name: str


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What the frozen network makes of a face, and what its heads say of it.

    One pass gives both, because backbone and heads live in one ONNX file.

    Attributes:
        vector: D, float32: the backbone's pooled features.
        logits: per predicted trait, K float32 in the order of `Trait.predicted`;
            softmax gives probabilities, or a sigmoid each where the trait holds many.
    """

    vector: NDArray[np.float32]
    logits: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Guess:
    """What the heads say about one trait.

    Attributes:
        values: the chosen values; exactly one, unless the trait holds many.
        confidence: calibrated probability, 0..1, that the choice is a rater's. For
            a trait of many values, that of its least certain yes-or-no.
        probabilities: (value, probability 0..1), likeliest first.
    """

    values: tuple[str, ...]
    confidence: float
    probabilities: tuple[tuple[str, float], ...]

    def as_json(self, trait: str, top: int = 3) -> dict[str, object]:
        """``{"value", "confidence", "top"}`` with probabilities at three decimals."""
        value: str | list[str] = list(self.values) if TRAITS[trait].many else self.values[0]
        return {
            "value": value,
            "confidence": round(self.confidence, 3),
            "top": [[v, round(p, 3)] for v, p in self.probabilities[:top]],
        }


Attributes = Mapping[str, Guess]
"""Per predicted trait, the heads' guess, in the vocabulary's order."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """A photo's attributes with where the face was and what each stage cost.

    Attributes:
        photo: the photo's name.
        box: (x, y, width, height) of the face, px of the original photo.
        count: faces seen.
        attributes: per trait, the guess.
        milliseconds: per stage, wall time in ms.
    """

    photo: str
    box: tuple[int, int, int, int]
    count: int
    attributes: Attributes
    milliseconds: Mapping[str, float]

    def as_json(self) -> dict[str, object]:
        """The line that ``stickers analyze --json`` prints."""
        return {
            "photo": self.photo,
            "face": {"box": list(self.box), "count": self.count},
            "traits": {name: guess.as_json(name) for name, guess in self.attributes.items()},
            "ms": {stage: round(ms, 1) for stage, ms in self.milliseconds.items()},
        }


@dataclass(frozen=True, slots=True)
class Sticker:
    """One composed scene.

    Attributes:
        name: the scene's name, also its file name.
        svg: the whole document: 512 x 512, self-contained, text as paths.
        alt: alternative text, at most 125 characters.
        emoji: one to three emoji, the most telling first.
        keywords: words to search by.
    """

    name: str
    svg: str
    alt: str
    emoji: tuple[str, ...]
    keywords: tuple[str, ...]
