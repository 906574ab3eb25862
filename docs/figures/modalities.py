"""Draw ``modalities.svg``: the encoders of an item, and one modality that is missing.

python docs/figures/modalities.py
"""

from svg import BLUE, GREEN, ORANGE, PURPLE, RED, SOFT, Figure

ROWS = [
    ("title, description", "TextEncoder", BLUE, True),
    ("image (no file)", "ImageEncoder", ORANGE, False),
    ("category", "CategoryEncoder", GREEN, True),
    ("id", "IdEncoder", PURPLE, True),
]

figure = Figure(760, 342, "Encoders, presence and fusion of one item")
for x, head in ((24, "what the item has"), (206, "encoder"), (392, "features"), (520, "present")):
    figure.text(x, 34, head, bold=True)
for row, (value, encoder, color, here) in enumerate(ROWS):
    y = 52 + 60 * row
    figure.text(24, y + 24, value, color=SOFT if not here else "#1f2933")
    figure.box(206, y, 140, 38, color if here else SOFT, encoder)
    if here:
        figure.arrow((166, y + 19), (202, y + 19))
        figure.arrow((346, y + 19), (388, y + 19))
        figure.box(392, y + 4, 104, 30, color, "vector")
        figure.text(536, y + 24, "True")
    else:
        figure.line((166, y + 19), (202, y + 19), dashed=True)
        figure.text(276, y + 53, "is not run for this item", anchor="middle", color=SOFT, size=12)
        figure.box(392, y + 4, 104, 30, RED, "learned")
        figure.text(536, y + 24, "False", color=RED)
    figure.line((580, y + 19), (606, 164))
figure.box(606, 134, 64, 60, SOFT, "fusion")
figure.arrow((670, 164), (696, 164))
figure.text(726, 160, "item", anchor="middle", bold=True)
figure.text(726, 178, "(D)", anchor="middle", color=SOFT)
figure.text(
    24, 316, "A modality that is missing has a learned vector. Training hides modalities at random."
)
figure.save("modalities")
