"""A photo for those who have none at hand."""

from __future__ import annotations

from stickers.records import Photo


def sample_photo() -> Photo:
    """The astronaut Eileen Collins: NASA's portrait, in the public domain, from scikit-image."""
    from skimage.data import astronaut

    return Photo(astronaut(), "the sample photo")
