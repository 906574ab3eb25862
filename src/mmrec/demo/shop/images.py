"""Images of the miniature shop's products: a silhouette, its color and pattern, a scene."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from mmrec.demo.shop.shapes import SILHOUETTES, Part

Color = tuple[int, int, int]

_SCALE = 3  # drawn larger and shrunk: smooth edges
_SIZES = (128, 144, 160)  # pixels

_PALETTE: dict[str, tuple[Color, ...]] = {
    "red": ((198, 36, 36), (214, 48, 34), (178, 26, 32)),
    "yellow": ((240, 190, 48), (236, 178, 36), (246, 206, 84)),
    "green": ((62, 150, 70), (90, 164, 62), (46, 136, 58)),
    "blue": ((34, 106, 206), (54, 130, 220), (26, 88, 182)),
    "purple": ((158, 72, 204), (140, 56, 186), (172, 94, 214)),
    "pink": ((242, 142, 178), (238, 126, 168), (246, 164, 192)),
    "charcoal": ((60, 62, 68), (76, 78, 84), (46, 46, 52)),
}
_CREAM: Color = (252, 246, 234)
_TRIMS: tuple[Color, ...] = ((104, 74, 56), (70, 70, 76), (178, 146, 92), (226, 216, 198))
_WALLS: tuple[Color, ...] = ((240, 236, 228), (228, 228, 226), (234, 226, 212), (222, 218, 210))


def draw_image(shape: str, color: str, pattern: str, rng: np.random.Generator) -> Image.Image:
    """Draw one product as a square of 128 to 160 pixels.

    Shade, trim, size, place, direction and background are random.
    """
    size = int(rng.choice(_SIZES))
    pen = _Pen(
        size=size * _SCALE,
        zoom=float(rng.uniform(0.84, 0.98)),
        shift=(float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.02, 0.03))),
        mirrored=bool(rng.random() < 0.5),
    )
    parts = SILHOUETTES[shape]
    base = _PALETTE[color][rng.integers(3)]
    trim = _TRIMS[rng.integers(len(_TRIMS))]
    image = _scene(pen, rng)
    _shadow(image, pen, parts)
    body = pen.mask([part for part in parts if part.layer == "body"])
    image.paste(trim, mask=pen.mask([part for part in parts if part.layer == "back"]))
    image.paste(_mix(base, (0, 0, 0), 0.3), mask=_swell(body, pen.size // 200))
    image.paste(_cloth(pattern, base, pen.size, rng), mask=body)
    image.paste(_mix(base, (0, 0, 0), 0.5), mask=_dim(_light(pen.size), body, 0.5))
    seams = pen.mask([part for part in parts if part.layer == "seam"])
    image.paste(_mix(base, (0, 0, 0), 0.6), mask=_dim(seams, body, 0.7))
    opening = pen.mask([part for part in parts if part.layer == "dark"])
    image.paste(_mix(base, (20, 16, 16), 0.65), mask=opening)
    image.paste(trim, mask=pen.mask([part for part in parts if part.layer == "front"]))
    return image.resize((size, size), Image.Resampling.BOX)


@dataclass(frozen=True)
class _Pen:
    """Draws the parts of a silhouette at one place and size."""

    size: int
    zoom: float
    shift: tuple[float, float]
    mirrored: bool

    def place(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        centred = [((0.5 - x if self.mirrored else x - 0.5), y - 0.5) for x, y in points]
        return [
            (
                (0.5 + self.shift[0] + self.zoom * x) * self.size,
                (0.5 + self.shift[1] + self.zoom * y) * self.size,
            )
            for x, y in centred
        ]

    def mask(self, parts: Sequence[Part]) -> Image.Image:
        mask = Image.new("L", (self.size, self.size), 0)
        draw = ImageDraw.Draw(mask)
        for part in parts:
            self._draw(draw, part)
        return mask

    def _draw(self, draw: ImageDraw.ImageDraw, part: Part) -> None:
        points = self.place(part.points)
        size = part.size * self.zoom * self.size
        if part.form in ("box", "oval"):
            (x0, y0), (x1, y1) = points
            box = (min(x0, x1), y0, max(x0, x1), y1)
            if part.form == "oval":
                draw.ellipse(box, fill=255)
            else:
                draw.rounded_rectangle(box, radius=size, fill=255)
        elif part.form == "line":
            points = _smooth(points, closed=False)
            draw.line(points, fill=255, width=round(size), joint="curve")
            for x, y in (points[0], points[-1]):
                draw.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=255)
        else:
            draw.polygon(_smooth(points, closed=True) if part.form == "blob" else points, fill=255)


def _smooth(points: list[tuple[float, float]], *, closed: bool) -> list[tuple[float, float]]:
    """Return a Catmull-Rom spline through the points, eight steps from one to the next."""
    p = np.array(points)
    if len(p) < 3:
        return points
    ends = (p[-1:], p[:2]) if closed else (p[:1], p[-1:])
    p = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0.0, 1.0, 8, endpoint=False)[:, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    flat = curve.reshape(-1, 2).tolist()
    return [(x, y) for x, y in (flat if closed else [*flat, points[-1]])]


def _mix(color: Color, other: Color, share: float) -> Color:
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(color, other, strict=True))
    return red, green, blue


def _dim(mask: Image.Image, other: Image.Image, share: float) -> Image.Image:
    return ImageChops.multiply(mask, other).point(lambda value: round(share * value))


def _swell(mask: Image.Image, pixels: int) -> Image.Image:
    """Return the mask with a thin rim, which sets a pale product off from a pale wall."""
    swollen = mask
    for x, y in ((pixels, 0), (-pixels, 0), (0, pixels), (0, -pixels)):
        swollen = ImageChops.lighter(swollen, ImageChops.offset(mask, x, y))
    return swollen


def _light(size: int) -> Image.Image:
    """Return a shade that deepens to the right, away from the light."""
    return Image.linear_gradient("L").rotate(90).resize((size, size))


def _cloth(pattern: str, base: Color, size: int, rng: np.random.Generator) -> Image.Image:
    """Return the product's surface: its color, with a paler pattern."""
    cloth = Image.new("RGB", (size, size), base)
    if pattern == "plain":
        return cloth
    count = rng.uniform(9.0, 12.0)  # repeats across the image
    y, x = np.mgrid[:size, :size].astype(np.float32) * np.float32(count / size)
    if pattern == "stripes":
        ink = (x % 1 < 0.5) * 1.0 if rng.random() < 0.5 else (y % 1 < 0.5) * 1.0
    elif pattern == "dots":
        x = x + 0.5 * (np.floor(y) % 2)
        ink = ((x % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2 < 0.085) * 1.0
    elif pattern == "checks":
        x, y = x * 0.75, y * 0.75
        ink = (x % 1 < 0.5) * 0.5 + (y % 1 < 0.5) * 0.5
    elif pattern == "waves":
        ink = ((y + 0.3 * np.sin(2 * np.pi * x * 0.6)) % 1 < 0.45) * 1.0
    else:
        ink = (2 * np.abs(x % 1 - 0.5) < y % 1 - 0.12) * 1.0
    pale = _mix(base, _CREAM, float(rng.uniform(0.7, 0.9)))
    cloth.paste(pale, mask=Image.fromarray((255 * ink).astype(np.uint8)))
    return cloth


def _scene(pen: _Pen, rng: np.random.Generator) -> Image.Image:
    """Return the background: a light wall, and a shape behind the product."""
    size = pen.size
    wall = _WALLS[rng.integers(len(_WALLS))]
    scene = Image.new("RGB", (size, size), wall)
    fall = Image.linear_gradient("L").resize((size, size))
    scene.paste(_mix(wall, (150, 144, 136), 0.5), mask=fall.point(lambda value: value // 2))
    draw = ImageDraw.Draw(scene)
    layout = rng.integers(4)
    bright = _mix(wall, (255, 255, 255), 0.6)
    if layout == 1:
        draw.rectangle((0, 0.72 * size, size, size), fill=_mix(wall, (150, 136, 120), 0.3))
    elif layout == 2:
        draw.ellipse((0.08 * size, 0.06 * size, 0.92 * size, 0.90 * size), fill=bright)
    elif layout == 3:
        draw.rounded_rectangle(
            (0.14 * size, 0.06 * size, 0.86 * size, 1.5 * size), radius=0.36 * size, fill=bright
        )
    return scene


def _shadow(image: Image.Image, pen: _Pen, parts: Sequence[Part]) -> None:
    """Draw a soft shadow of the whole silhouette, down and away from the light."""
    small = (pen.size // 8, pen.size // 8)  # blurred anyway
    mask = pen.mask([part for part in parts if part.layer != "seam"]).resize(small)
    mask = ImageChops.offset(mask, small[0] // 30 + 1, small[1] // 26 + 1)
    soft = mask.filter(ImageFilter.GaussianBlur(small[0] / 28)).resize(image.size)
    image.paste((70, 62, 58), mask=soft.point(lambda value: round(0.42 * value)))
