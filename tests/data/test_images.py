import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from mmrec.data.images import ImageError, check_images, load_image, resolve_image


def gradient(height=24, width=40):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 8, columns * 6, rows + columns], axis=-1).astype(np.uint8)


def bomb(path, side):
    """A well-formed PNG header that announces side x side pixels."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg", "gif"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(gradient()).save(path, **options)
    image = load_image(path)
    assert (image.mode, image.size) == ("RGB", (40, 24))
    tolerance = {"png": 0, "webp": 0, "jpg": 24, "gif": 60}[suffix]
    assert np.abs(np.asarray(image).astype(int) - gradient()).max() <= tolerance
    assert load_image(str(path)).tobytes() == image.tobytes()


def test_other_formats_are_refused_whatever_the_name(tmp_path):
    Image.fromarray(gradient()).save(tmp_path / "a.bmp")
    (tmp_path / "a.bmp").rename(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match=r"a\.jpg is not a JPEG, PNG, WebP or GIF"):
        load_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_of_the_camera_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(gradient()).save(tmp_path / "a.png", exif=exif)
    a = gradient()
    turned = {
        1: a,
        2: a[:, ::-1],
        3: a[::-1, ::-1],
        4: a[::-1],
        5: a.transpose(1, 0, 2),
        6: np.rot90(a, -1),
        7: a[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(a),
    }[orientation]
    np.testing.assert_array_equal(np.asarray(load_image(tmp_path / "a.png")), turned)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "RGB", "L"])
def test_transparent_is_white(tmp_path, mode):
    path = tmp_path / "a.png"
    if mode in ("RGBA", "LA"):
        pixels = np.zeros((2, 4, len(mode)), np.uint8)
        pixels[:, 2:, -1] = 255
        Image.fromarray(pixels, mode).save(path)
    else:
        image = Image.new("P" if mode == "PA" else mode, (4, 2), 0)
        if image.mode == "P":
            image.putpalette([10, 200, 30, 0, 0, 0])
        image.paste(1 if image.mode != "RGB" else (0, 0, 1), (2, 0, 4, 2))
        transparent = {"RGB": (0, 0, 0), "PA": b"\x00\xff"}.get(mode, 0)
        image.save(path, transparency=transparent)
    values = np.asarray(load_image(path))
    assert (values[:, :2] == 255).all()
    assert (values[:, 2:] <= 1).all()


def test_half_transparent_is_blended(tmp_path):
    Image.new("RGBA", (1, 1), (0, 0, 0, 128)).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png").getpixel((0, 0)) == (127, 127, 127)


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue", "lime")]
    for name in ("a.gif", "a.webp"):
        options = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        assert load_image(tmp_path / name).getpixel((3, 3)) == (255, 0, 0)


def test_cmyk(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    red, green, blue = load_image(tmp_path / "a.jpg").getpixel((5, 5))
    assert red > 200
    assert green < 60
    assert blue < 60


def test_sixteen_bits_keep_their_top_eight(tmp_path):
    values = np.array([[0, 256, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert np.asarray(load_image(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_one_pixel(tmp_path):
    Image.new("1", (1, 1), 1).save(tmp_path / "a.png")
    assert np.asarray(load_image(tmp_path / "a.png")).tolist() == [[[255, 255, 255]]]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif"])
@pytest.mark.parametrize("keep", [0.9, 0.5, 0.1])
def test_cut_off(tmp_path, suffix, keep):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(ImageError, match=rf"image .*a\.{suffix} is "):
        load_image(path)
    assert list(check_images([path])) == [0]


def test_damaged_exif_does_not_lose_the_image(tmp_path):
    Image.fromarray(gradient()).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert load_image(tmp_path / "a.png").size == (40, 24)


def test_text_bomb_inside_a_png(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "x" * 70_000_000, zip=True)
    Image.new("L", (2, 2)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(ImageError, match="image"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize("side", [7_100, 10_000, 60_000])
def test_huge_images_are_refused_and_pillow_keeps_its_limit(tmp_path, side):
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageError, match="50,000,000"):
        load_image(bomb(tmp_path / "a.png", side))
    assert limit == Image.MAX_IMAGE_PIXELS


def test_not_images(tmp_path):
    (tmp_path / "a.jpg").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, reason in [
        ("a.jpg", "is not a JPEG"),
        ("empty.png", "is not a JPEG"),
        ("none.jpg", "does not exist"),
        ("pipe.jpg", "is not a file"),
        (".", "is not a file"),
        ("x" * 300, "can't be opened|does not exist"),
        ("nul\0.jpg", "can't be opened|does not exist"),
    ]:
        with pytest.raises(ImageError, match=reason):
            load_image(tmp_path / name)


def test_names_stay_inside_the_folder(tmp_path):
    root = tmp_path / "images"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"")
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "up").symlink_to(tmp_path)
    (root / "in.jpg").symlink_to(root / "sub" / "a.jpg")
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    assert resolve_image(root, "a.jpg") == root / "a.jpg"
    assert resolve_image(root, "sub/../a.jpg") == root / "a.jpg"
    assert resolve_image(root, "in.jpg") == root / "sub" / "a.jpg"
    assert resolve_image(root, "..a.jpg") == root / "..a.jpg"
    (tmp_path / "link").symlink_to(root)
    assert resolve_image(tmp_path / "link", "a.jpg") == root / "a.jpg"
    outside = [
        "../x.jpg",
        "sub/../../x.jpg",
        str(tmp_path / "secret.jpg"),
        "out.jpg",
        "up/secret.jpg",
    ]
    for name in [*outside, "C:\\x.jpg", "\\\\host\\x.jpg", "..", ".", "", " ", "a\0b"]:
        with pytest.raises(ValueError, match="image") as error:
            resolve_image(root, name)
        assert repr(name) in str(error.value)


@pytest.mark.parametrize("workers", [None, 1, 4])
def test_check_images_names_the_unreadable(tmp_path, workers):
    paths = []
    for index in range(8):
        paths.append(tmp_path / f"{index}.jpg")
        Image.fromarray(gradient(200, 300) if index else gradient()).save(paths[-1])
    paths[2].write_bytes(paths[2].read_bytes()[:-200])
    paths[5].write_text("no")
    paths[6] = tmp_path / "gone.jpg"
    paths[7] = None
    found = check_images(paths, workers=workers)
    assert list(found) == [2, 5, 6]
    assert "damaged" in found[2]
    assert "is not a JPEG" in found[5]
    assert "does not exist" in found[6]
    assert check_images([]) == {}
    with pytest.raises(ValueError, match="workers must be 1 or more; got 0"):
        check_images([], workers=0)
