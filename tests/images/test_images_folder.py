"""Folders of image files: order, colour, orientation, size, and damaged files."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from convpool.errors import ArgumentError, ArgumentTypeError, DataError
from convpool.images import ImageFolder

FORMATS = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "ppm", "pgm", "pnm", "tif", "tiff"]


def only_image(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
    images = next(ImageFolder(path, size).batches(1)).images
    return images.reshape(images.shape[1:])


def photo(height: int = 24, width: int = 40) -> Image.Image:
    """Smooth colours, so that lossy formats come close."""
    y, x = np.mgrid[:height, :width]
    planes = [x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)]
    return Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))


def unit(image: Image.Image) -> NDArray[np.float32]:
    return np.moveaxis(np.asarray(image, np.float32) / np.float32(255), 2, 0)


@pytest.mark.parametrize("suffix", [*FORMATS, "PNG", "JPG"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    image = photo().convert("L") if suffix == "pgm" else photo()
    image.save(tmp_path / f"a.{suffix}")
    (tmp_path / "notes.txt").write_text("not an image")
    source = ImageFolder(tmp_path)
    assert (len(source), source.image_shape, source.name) == (1, (3, 24, 40), tmp_path.name)
    batch = next(source.batches(8))
    assert batch.names == (f"a.{suffix}",)
    assert batch.images.dtype == np.float32
    lossy = suffix.lower() in {"jpg", "jpeg", "gif", "webp"}
    assert np.abs(batch.images[0] - unit(image.convert("RGB"))).max() < (0.15 if lossy else 1e-6)


def test_natural_order_through_folders(tmp_path: Path) -> None:
    names = ["10.png", "2.png", "B2/1.png", "b10/1.png", "img9.png", "IMG10.png", "01.png", "1.png"]
    for name in [*names, ".hidden.png", ".cache/x.png", "._1.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "folder.png").mkdir()
    batches = ImageFolder(tmp_path).batches(3)
    assert [name for batch in batches for name in batch.names] == [
        "01.png", "1.png", "2.png", "10.png", "B2/1.png", "b10/1.png", "img9.png", "IMG10.png",
    ]  # fmt: skip


def test_one_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        photo().save(tmp_path / name)
    source = ImageFolder(tmp_path / "a.png")
    assert (source.name, len(source), next(source.batches(1)).names) == ("a.png", 1, ("a.png",))


def test_a_file_is_what_it_holds_not_what_it_is_called(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.jpg", format="PNG")
    assert np.array_equal(only_image(tmp_path), unit(photo()))


def test_the_current_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo().save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    assert ImageFolder(".").name == tmp_path.name


# --- colour


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for suffix in ("gif", "webp", "png", "tiff"):
        file = tmp_path / f"a.{suffix}"
        options: Any = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(file, save_all=True, append_images=frames[1:], **options)
        assert only_image(file)[:, 0, 0].tolist() == [1, 0, 0]


def test_transparency_shows_white(tmp_path: Path) -> None:
    clear, half = (255, 0, 0, 0), (0, 0, 0, 128)
    Image.new("RGBA", (4, 4), clear).save(tmp_path / "clear.png")
    Image.new("RGBA", (4, 4), half).save(tmp_path / "half.png")
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "grey.png")
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(tmp_path / "palette.png", transparency=1)
    palette.save(tmp_path / "palette.gif", transparency=1)
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "key.png", transparency=(9, 9, 9))
    Image.new("L", (4, 4), 9).save(tmp_path / "greykey.png", transparency=9)
    for name in ("clear.png", "grey.png", "palette.png", "palette.gif", "key.png", "greykey.png"):
        assert (only_image(tmp_path / name) == 1).all(), name
    assert np.allclose(only_image(tmp_path / "half.png"), 127 / 255)


def test_palette_grey_and_black_and_white(tmp_path: Path) -> None:
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 255, 128, 0])
    palette.save(tmp_path / "p.png")
    Image.new("L", (4, 4), 51).save(tmp_path / "l.png")
    Image.new("1", (4, 4), 1).save(tmp_path / "1.png")
    Image.new("CMYK", (4, 4), (0, 0, 0, 255)).save(tmp_path / "cmyk.tif")
    for name, colour in {
        "p.png": (255, 128, 0),
        "l.png": (51, 51, 51),
        "1.png": (255, 255, 255),
        "cmyk.tif": (0, 0, 0),
    }.items():
        assert np.rint(only_image(tmp_path / name)[:, 1, 1] * 255).tolist() == list(colour)


@pytest.mark.parametrize("suffix", ["png", "pgm", "tif"])
def test_grey_of_16_bits_keeps_its_precision(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 1, 256], [32768, 65534, 65535]], np.uint16)
    if suffix == "pgm":
        (tmp_path / "a.pgm").write_bytes(b"P5 3 2 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    image = only_image(tmp_path)
    assert image.shape == (3, 2, 3)
    assert np.array_equal(image, np.broadcast_to(values / np.float32(65535), (3, 2, 3)))
    assert only_image(tmp_path, (4, 4)).shape == (3, 4, 4)


def test_grey_of_other_maxima(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 1023\n" + struct.pack(">2H", 1023, 0))
    assert only_image(tmp_path)[0].tolist() == [[1, 0]]


def test_float_and_32_bit_grey(tmp_path: Path) -> None:
    values = np.array([[0, 0.25], [0.5, 1]], np.float32)
    Image.fromarray(values).save(tmp_path / "unit.tif")
    assert np.array_equal(only_image(tmp_path / "unit.tif")[1], values)
    for name, wrong in {"big.tif": values * 255, "nan.tif": values * np.float32(np.nan)}.items():
        Image.fromarray(wrong).save(tmp_path / name)
        with pytest.raises(DataError, match=rf"{name} .*not finite and in 0\.\.1"):
            only_image(tmp_path / name)
    Image.fromarray(np.zeros((2, 2), np.int32)).save(tmp_path / "int.tif")
    with pytest.raises(DataError, match=r"int\.tif .*no agreed white"):
        only_image(tmp_path / "int.tif")


# --- orientation and size


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: Any = {"webp": {"lossless": True}, "jpg": {"quality": 100}}.get(suffix, {})
    file = tmp_path / f"a.{suffix}"
    photo().save(file, exif=exif, **options)
    turned = photo().transpose(turn) if (turn := TURNS.get(orientation)) is not None else photo()
    source = ImageFolder(file)
    assert source.image_shape == (3, turned.height, turned.width)
    difference = next(source.batches(1)).images[0] - unit(turned)
    assert np.abs(difference).max() < (0.03 if suffix == "jpg" else 1e-6)


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def test_size_covers_and_crops_the_middle(tmp_path: Path) -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = (0, 255, 0)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels.transpose(1, 0, 2)).save(tmp_path / "high.png")
    for name in ("wide.png", "high.png"):
        assert np.array_equal(only_image(tmp_path / name, (10, 10))[1], np.ones((10, 10)))
    assert only_image(tmp_path / "wide.png", (20, 60)).shape == (3, 20, 60)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 60)] * 4))
def test_any_size_to_any_size(
    tmp_path_factory: pytest.TempPathFactory, sizes: tuple[int, int, int, int]
) -> None:
    height, width, new_height, new_width = sizes
    file = tmp_path_factory.mktemp("any") / "a.bmp"
    Image.new("RGB", (width, height), (255, 51, 0)).save(file)
    image = only_image(file, (new_height, new_width))
    assert image.shape == (3, new_height, new_width)
    assert np.rint(image.reshape(3, -1) * 255).T.tolist() == [[255, 51, 0]] * image[0].size


def test_reduction_is_antialiased_and_never_overshoots(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    assert np.abs(only_image(tmp_path, (8, 8)) - 0.5).max() < 0.02
    step = np.full((64, 64), 51, np.uint8)
    step[:, 32:] = 204
    Image.fromarray(step).save(tmp_path / "a.png")
    reduced = only_image(tmp_path, (9, 9))
    assert (reduced.min(), reduced.max()) == (np.float32(0.2), np.float32(0.8))


def test_an_image_of_the_right_size_is_left_alone(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.png")
    assert np.array_equal(only_image(tmp_path, (24, 40)), unit(photo()))


def test_different_sizes_without_size(tmp_path: Path) -> None:
    for name, shape in {"1.png": (4, 6), "2.png": (4, 6), "3.png": (6, 4), "4.png": (9, 9)}.items():
        photo(*shape).save(tmp_path / name)
    with pytest.raises(ArgumentError) as caught:
        ImageFolder(tmp_path)
    assert str(caught.value) == (
        "size is None, but must be the height and width to bring all images to, because they "
        f"differ: {tmp_path / '1.png'} is 4x6, {tmp_path / '3.png'} is 6x4"
    )
    batch = next(ImageFolder(tmp_path, (5, 5)).batches(9))
    assert batch.images.shape == (4, 3, 5, 5)


def test_a_size_that_changed_since_opening(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        photo().save(tmp_path / name)
    source = ImageFolder(tmp_path)
    photo(9, 9).save(tmp_path / "2.png")
    with pytest.raises(ArgumentError, match=r"2\.png is 9x9$"):
        next(source.batches(2))


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (5,), (1, 2, 3), ()])
def test_wrong_sizes(tmp_path: Path, size: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^size.* is "):
        ImageFolder(tmp_path, size)


@pytest.mark.parametrize("size", [5, "5x5", (5.0, 5), (True, 5)])
def test_sizes_of_the_wrong_type(tmp_path: Path, size: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^size.* is "):
        ImageFolder(tmp_path, size)


# --- what cannot be read


def test_no_folder_and_no_image(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^path is '.*nowhere', but must be a folder of im"):
        ImageFolder(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="holds no image: a folder of images has files of type bmp"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "ppm", "tif"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_file_cut_off_is_an_error(tmp_path: Path, suffix: str, mode: str, share: float) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).convert(mode)
    file = tmp_path / f"a.{suffix}"
    image.save(file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    for size in (None, (32, 32)):
        with pytest.raises(DataError, match=rf"^{file} (cannot be read as an image: .|is no im)"):
            only_image(tmp_path, size)


def test_other_ways_to_be_cut_off(tmp_path: Path) -> None:
    plain = tmp_path / "plain.ppm"
    plain.write_text("P3 2 2 255\n" + "9 " * 11)
    deep = tmp_path / "deep.pgm"
    deep.write_bytes(b"P5 2 2 1023\n" + bytes(7))
    progressive = tmp_path / "progressive.jpg"
    photo(200, 200).save(progressive, progressive=True)
    progressive.write_bytes(progressive.read_bytes()[:-400])
    packed = tmp_path / "packed.tif"
    photo().save(packed, compression="tiff_lzw")
    packed.write_bytes(packed.read_bytes()[:-300])
    for file in (plain, deep, progressive, packed):
        with pytest.raises(DataError, match=rf"^{file} cannot be read as an image: ."):
            only_image(file)


def test_a_flipped_bit_is_an_error_or_a_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for suffix in ("png", "gif", "webp", "bmp", "tif", "ppm", "jpg"):
        photo().save(tmp_path / f"good.{suffix}")
        content = (tmp_path / f"good.{suffix}").read_bytes()
        file = tmp_path / f"bad.{suffix}"
        for _ in range(60):
            flipped = bytearray(content)
            flipped[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
            file.write_bytes(flipped)
            try:
                image = only_image(file)
            except DataError:
                continue
            assert image.min() >= 0
            assert image.max() <= 1


def test_a_checksum_in_a_png_is_checked(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[content.index(b"IHDR") + 17 + 8 + 20] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png cannot be read as an image: "):
        only_image(tmp_path)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


@pytest.mark.parametrize("side", [12_000, 40_000])  # Pillow warns of the first, refuses the second
@pytest.mark.parametrize("size", [None, (8, 8)])
def test_a_few_bytes_that_claim_gigabytes(
    tmp_path: Path, side: int, size: tuple[int, int] | None
) -> None:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + data)
    with pytest.raises(DataError, match=r"a\.png .*decompression bomb"):
        only_image(tmp_path, size)


def test_formats_beyond_the_list_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(DataError, match=r"a\.png is no image of type PNG, JPEG, GIF"):
        ImageFolder(tmp_path)


def test_sizes_are_read_from_headers_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in ("png", "jpg", "gif", "webp", "bmp", "ppm", "tif"):
        photo().save(tmp_path / f"a.{suffix}")

    def fail(*args: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", fail)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    monkeypatch.setattr(ImageOps, "exif_transpose", fail)
    assert len(ImageFolder(tmp_path)) == 7
