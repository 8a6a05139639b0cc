"""From a file or bytes to a `Photo`: upright, 8-bit RGB, of a size the models work at.

Everything that can be known from the header (bytes, pixels, format) is checked
before a pixel is decoded.
"""

from __future__ import annotations

import functools
import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError, features

from stickers.errors import NotAnImage, PhotoDamaged, PhotoError, PhotoNotFound, PhotoTooLarge
from stickers.records import Photo

WORKING_SIDE = 1920
"""Longest side of `Photo.pixels`, px."""
MAX_BYTES = 50 * 2**20
"""Largest file that is read, bytes."""
MAX_PIXELS = 100_000_000
"""Largest picture that is decoded, px."""
MIN_SIDE = 32
"""Shortest side that a picture may have, px."""

BYTES_NAME = "<bytes>"

_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "GIF", "BMP", "TIFF")
_USABLE = "use a JPEG, PNG, WebP or HEIC photo"
_AGAIN = "export or download it again"
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112
_opening = threading.Lock()


def load_photo(source: str | Path | bytes) -> Photo:
    """Decode a photo.

    Args:
        source: a file's path, or the file's bytes. JPEG, PNG, WebP, HEIC, and the
            first frame of GIF, BMP or TIFF.

    Returns:
        H x W x 3, uint8, RGB, upright; longer side at most `WORKING_SIDE` px.

    Raises:
        PhotoNotFound: there is no such file, or it may not be read.
        NotAnImage: the bytes are no picture of these formats.
        PhotoDamaged: the picture ends or breaks half-way.
        PhotoTooLarge: more than `MAX_BYTES` bytes or `MAX_PIXELS` pixels.
        PhotoError: a side is shorter than `MIN_SIDE` px.
    """
    if isinstance(source, bytes):
        data, name = source, BYTES_NAME
        _check_bytes(len(data), name)
    else:
        data, name = _read(source), str(source)
    with _open(data, name) as image:
        original = max(image.size)
        _check_pixels(image.size, name)
        rgb = _decode(image, name)
    scale = min(1.0, WORKING_SIDE / original)
    pixels = np.ascontiguousarray(np.asarray(rgb, dtype=np.uint8))
    return Photo(pixels=pixels, name=name, scale=scale)


def _read(path: str | Path) -> bytes:
    name = str(path)
    try:
        file = Path(path)
        if file.is_dir():
            raise PhotoNotFound(
                "this is a folder, not a photo", where=name, hint="name one of the photos in it"
            )
        if not file.exists():
            raise PhotoNotFound("there is no such photo", where=name, hint="check the path")
        if not file.is_file():
            raise NotAnImage("this is not a regular file", where=name, hint=_USABLE)
        _check_bytes(file.stat().st_size, name)
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES)
    except PermissionError:
        raise PhotoNotFound(
            "the photo may not be read", where=name, hint="change its permissions"
        ) from None
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise PhotoNotFound(
            f"the photo cannot be read ({reason})", where=name, hint="check the path"
        ) from exc


def _check_bytes(count: int, name: str) -> None:
    if count == 0:
        raise NotAnImage("the file is empty", where=name, hint=_USABLE)
    if count > MAX_BYTES:
        raise PhotoTooLarge(
            f"the photo has {count / 2**20:.0f} MB",
            where=name,
            hint=f"use one of at most {MAX_BYTES // 2**20} MB",
        )


def _check_pixels(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise PhotoTooLarge(
            f"the photo has {width} x {height} pixels",
            where=name,
            hint=f"reduce it to at most {MAX_PIXELS // 1_000_000} megapixels",
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(
            f"the picture is too small ({width} x {height} pixels)",
            where=name,
            hint=f"use one of at least {MIN_SIDE} x {MIN_SIDE}",
        )


@functools.cache
def _formats() -> tuple[str, ...]:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return (*_FORMATS, "AVIF") if features.check("avif") else _FORMATS


def _open(data: bytes, name: str) -> Image.Image:
    formats = _formats()
    try:
        # Pillow warns of large pictures, and our own limit stands right after;
        # the lock is there because warning filters belong to the whole process.
        with _opening, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError:
        raise PhotoTooLarge(
            "the photo has far too many pixels",
            where=name,
            hint=f"reduce it to at most {MAX_PIXELS // 1_000_000} megapixels",
        ) from None
    except UnidentifiedImageError as exc:
        if looks_like_a_picture(data):
            raise _damaged(name) from exc
        raise NotAnImage("this is not a picture", where=name, hint=_USABLE) from exc
    except (*_BROKEN, RuntimeError) as exc:
        raise _damaged(name) from exc


def looks_like_a_picture(data: bytes) -> bool:
    """Whether ``data`` begin as a picture does; 16 bytes are enough to tell."""
    return (
        data.startswith(_MAGIC)
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
        or (data[:2] == b"BM" and data[6:10] == bytes(4))
        or (data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"avif"))
    )


def _damaged(name: str) -> PhotoDamaged:
    return PhotoDamaged("the photo is damaged or incomplete", where=name, hint=_AGAIN)


def _decode(image: Image.Image, name: str) -> Image.Image:
    ratio = min(1.0, WORKING_SIDE / max(image.size))
    width, height = (max(1, round(side * ratio)) for side in image.size)
    try:
        image.draft(None, (width, height))
        image.load()
        turn = _UPRIGHT.get(_orientation(image))
        small = _to_rgb(_reduced(image, (width, height)))
    except MemoryError:
        raise PhotoTooLarge(
            "the photo does not fit in memory", where=name, hint="reduce it first"
        ) from None
    except (*_BROKEN, RuntimeError) as exc:
        raise _damaged(name) from exc
    if small.size != (width, height):
        small = small.resize((width, height), Image.Resampling.LANCZOS)
    return small if turn is None else small.transpose(turn)


def _reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Halved, thirded ... while still at least ``size``: less to convert."""
    factor = min(image.width // size[0], image.height // size[1])
    cheap = image.mode in ("L", "RGB", "RGBA", "CMYK") and "transparency" not in image.info
    if factor < 2 or not cheap:
        return image
    reduced = image.reduce(factor)
    reduced.info = dict(image.info)
    return reduced


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except (*_BROKEN, TypeError, KeyError):
        # Broken metadata are no reason to refuse a picture whose pixels are whole.
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_deep(image)
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(layered, mask=layered.getchannel("A"))
        flat.info = dict(image.info)
    else:
        flat = image if image.mode == "CMYK" else image.convert("RGB")
    return _in_srgb(flat)


def _from_deep(image: Image.Image) -> Image.Image:
    """Gray of more than 8 bits, scaled by the range its values say it has."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    peak = float(values.max())
    if image.mode.startswith("I;16"):
        top = 65535.0
    else:
        top = next((t for t in (1.0, 255.0, 65535.0) if peak <= t), peak)
        top = 255.0 if image.mode == "I" and top == 1.0 else top
    gray = np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(gray).convert("RGB")


def _in_srgb(image: Image.Image) -> Image.Image:
    """Phones store wide-gamut colours; without this, skin comes out dull."""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" in ImageCms.getProfileDescription(source).lower():
                return image.convert("RGB")
            converted = ImageCms.profileToProfile(image, source, _srgb(), outputMode="RGB")
            return image.convert("RGB") if converted is None else converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a profile that is broken or of another colour space says nothing
    return image.convert("RGB")


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
