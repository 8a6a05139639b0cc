"""A photo arrives upright, 8-bit RGB and of a working size, or a clear error says why not."""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms
from skimage import data

from stickers import photo as photo_module
from stickers.errors import (
    NotAnImage,
    PhotoDamaged,
    PhotoError,
    PhotoNotFound,
    PhotoTooLarge,
)
from stickers.photo import BYTES_NAME, MAX_BYTES, WORKING_SIDE, load_photo

pillow_heif.register_heif_opener()

PERSON = Image.fromarray(data.astronaut())
ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def difference(pixels: NDArray[np.uint8], image: Image.Image) -> float:
    wanted = np.asarray(image.convert("RGB"), dtype=float)
    assert pixels.shape == wanted.shape
    return float(np.abs(pixels.astype(float) - wanted).mean())


def halves() -> Image.Image:
    """Red above blue: shows which way up a picture is."""
    image = Image.new("RGB", (80, 120), "red")
    image.paste((0, 0, 255), (0, 60, 80, 120))
    return image


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("JPEG", 4), ("PNG", 0), ("WEBP", 5), ("HEIF", 5), ("BMP", 0), ("TIFF", 0)],
)
def test_every_common_format_arrives_as_the_same_rgb(kind: str, tolerance: float) -> None:
    photo = load_photo(encoded(PERSON, kind))
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert photo.scale == 1.0
    assert difference(photo.pixels, PERSON) <= tolerance


def test_a_path_and_its_bytes_give_the_same_pixels_and_say_their_names(tmp_path: Path) -> None:
    file = tmp_path / "me.jpg"
    file.write_bytes(encoded(PERSON, "JPEG"))
    by_path, by_text, by_bytes = (load_photo(s) for s in (file, str(file), file.read_bytes()))
    assert np.array_equal(by_path.pixels, by_bytes.pixels)
    assert np.array_equal(by_text.pixels, by_bytes.pixels)
    assert by_path.name == str(file)
    assert by_bytes.name == BYTES_NAME


def test_the_format_is_read_from_the_bytes_and_not_from_the_name(tmp_path: Path) -> None:
    file = tmp_path / "really_a_png.jpg"
    file.write_bytes(encoded(PERSON, "PNG"))
    assert difference(load_photo(file).pixels, PERSON) == 0


def test_the_first_frame_of_an_animation_is_taken() -> None:
    first, second = Image.new("RGB", (50, 50), "red"), Image.new("RGB", (50, 50), "blue")
    for kind in ("GIF", "WEBP"):
        moving = encoded(first, kind, save_all=True, append_images=[second])
        assert load_photo(moving).pixels[25, 25] == pytest.approx([255, 0, 0], abs=6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = halves()
    upright.paste((0, 255, 0), (0, 0, 40, 30))
    stored = upright if orientation == 1 else upright.transpose(undo[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for kind in ("JPEG", "PNG", "WEBP"):
        assert difference(load_photo(encoded(stored, kind, exif=exif)).pixels, upright) < 12


def test_a_heic_taken_on_its_side_is_turned_once_and_only_once() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored = halves().transpose(Image.Transpose.ROTATE_90)
    assert difference(load_photo(encoded(stored, "HEIF", exif=exif.tobytes())).pixels, halves()) < 6


def test_broken_metadata_do_not_cost_the_picture() -> None:
    broken = encoded(PERSON, "JPEG", exif=b"Exif\0\0" + b"\xff" * 40)
    assert difference(load_photo(broken).pixels, PERSON) < 4


def test_grayscale_bilevel_and_palette_become_rgb() -> None:
    for mode in ("L", "1", "P"):
        image = PERSON.convert(mode)
        assert difference(load_photo(encoded(image, "PNG")).pixels, image) == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_flattened_on_white(mode: str) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((200, 200, 200, 255), (0, 0, 20, 40))
    pixels = load_photo(encoded(image.convert(mode), "PNG")).pixels
    assert pixels[20, 30].tolist() == [255, 255, 255]
    assert pixels[20, 10].tolist() == [200, 200, 200]


def test_a_palettes_transparent_colour_is_white() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(1, (0, 0, 20, 40))
    pixels = load_photo(encoded(image, "PNG", transparency=0)).pixels
    assert pixels[20, 30].tolist() == [255, 255, 255]
    assert pixels[20, 10].tolist() == [200, 100, 50]


def test_large_transparent_pictures_are_reduced_without_dark_fringes() -> None:
    image = Image.new("RGBA", (3 * WORKING_SIDE, 300), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, 1501, 300))
    assert load_photo(encoded(image, "PNG")).pixels.min() >= 254


def test_cmyk_jpegs_keep_their_colours() -> None:
    photo = load_photo(encoded(PERSON.convert("CMYK"), "JPEG", quality=95))
    assert difference(photo.pixels, PERSON) < 6


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    for kind in ("PNG", "TIFF"):
        pixels = load_photo(encoded(Image.fromarray(ramp), kind)).pixels
        assert np.abs(pixels[..., 0] - ramp / 257.0).max() <= 1
        assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_float_pictures_are_scaled_by_their_range() -> None:
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    pixels = load_photo(encoded(Image.fromarray(ramp), "TIFF")).pixels
    assert np.abs(pixels[..., 0] - ramp * 255).max() <= 1


def test_a_colour_profile_that_says_nothing_useful_is_ignored() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile at all"):
        photo = load_photo(encoded(PERSON, "PNG", icc_profile=profile))
        assert difference(photo.pixels, PERSON) == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_large_photos_are_reduced_and_say_by_how_much(kind: str) -> None:
    large = PERSON.resize((4032, 3024))
    options = {"compress_level": 1} if kind == "PNG" else {}
    photo = load_photo(encoded(large, kind, **options))
    assert photo.pixels.shape == (WORKING_SIDE * 3 // 4, WORKING_SIDE, 3)
    assert photo.scale == pytest.approx(WORKING_SIDE / 4032)
    reference = PERSON.resize((WORKING_SIDE, WORKING_SIDE * 3 // 4))
    assert difference(photo.pixels, reference) < 4


def test_scale_is_of_the_longer_side_of_a_turned_photo() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    photo = load_photo(encoded(PERSON.resize((3840, 960)), "JPEG", exif=exif))
    assert photo.pixels.shape == (WORKING_SIDE, 480, 3)
    assert photo.scale == 0.5


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_001, 12_000, 30_000, 100_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PhotoTooLarge, match="pixels"):
            load_photo(png_header(side, side))


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.jpg"
    with file.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(PhotoTooLarge, match="MB"):
        load_photo(file)
    with pytest.raises(PhotoTooLarge, match="MB"):
        load_photo(bytes(MAX_BYTES + 1))


def test_a_missing_file_and_a_folder_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(PhotoNotFound, match="no such photo"):
        load_photo(tmp_path / "nobody.jpg")
    with pytest.raises(PhotoNotFound, match="folder"):
        load_photo(tmp_path)
    for impossible in ("x" * 5000, "nul\0byte.jpg"):
        with pytest.raises(PhotoNotFound):
            load_photo(impossible)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    with pytest.raises(NotAnImage):
        load_photo(pipe)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "secret.jpg"
    file.write_bytes(encoded(PERSON, "JPEG"))
    file.chmod(0)
    with pytest.raises(PhotoNotFound, match="may not be read"):
        load_photo(file)


@pytest.mark.parametrize(
    "content", [b"", b"Dear diary, today I took a selfie.\n" * 20, b"%PDF-1.7"]
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "text.jpg"
    file.write_bytes(content)
    with pytest.raises(NotAnImage):
        load_photo(file)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "GIF", "TIFF"])
@pytest.mark.parametrize("kept", [0.02, 0.6])
def test_a_truncated_picture_is_damaged(kind: str, kept: float) -> None:
    whole = encoded(PERSON, kind)
    with pytest.raises(PhotoDamaged, match="damaged"):
        load_photo(whole[: int(len(whole) * kept)])


def test_a_picture_with_hardly_any_pixels_is_refused() -> None:
    for size in ((1, 1), (31, 400)):
        with pytest.raises(PhotoError, match="too small"):
            load_photo(encoded(Image.new("RGB", size), "PNG"))


def test_every_message_is_one_line_with_the_files_name_and_advice(tmp_path: Path) -> None:
    text, cut = tmp_path / "a.jpg", tmp_path / "b.jpg"
    text.write_text("hello")
    cut.write_bytes(encoded(PERSON, "JPEG")[:5000])
    for bad in (text, cut, tmp_path, tmp_path / "none.jpg"):
        with pytest.raises(PhotoError) as caught:
            load_photo(bad)
        message = str(caught.value)
        assert "\n" not in message
        assert str(bad) in message
        assert message.rpartition(": ")[2]


def test_several_threads_may_load_at_once() -> None:
    source = encoded(PERSON, "JPEG")
    results: list[NDArray[np.uint8]] = []
    threads = [
        threading.Thread(target=lambda: results.append(load_photo(source).pixels)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(np.array_equal(r, results[0]) for r in results)


def test_other_peoples_pillow_settings_stay_as_they_are() -> None:
    before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    load_photo(encoded(PERSON, "PNG"))
    assert (Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before


SMALL = PERSON.resize((96, 96))
SEEDS = {
    kind: encoded(SMALL, kind) for kind in ("JPEG", "PNG", "WEBP", "HEIF", "GIF", "TIFF", "BMP")
}


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(SEEDS)),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_spoilt_bytes_give_a_picture_or_a_photo_error_and_nothing_else(
    kind: str, cuts: list[tuple[float, int]]
) -> None:
    spoilt = bytearray(SEEDS[kind])
    for where, value in cuts:
        spoilt[min(len(spoilt) - 1, int(where * len(spoilt)))] = value
    try:
        photo = photo_module.load_photo(bytes(spoilt))
    except PhotoError:
        return
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.ndim == 3
    assert max(photo.pixels.shape[:2]) <= WORKING_SIDE
