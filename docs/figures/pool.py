"""Draw ``pool.svg``: histories as positions in a pool of unique items.

python docs/figures/pool.py
"""

from svg import BLUE, GREEN, INK, ORANGE, PURPLE, RED, SOFT, Figure

COLORS = {"lamp": BLUE, "chair": ORANGE, "desk": GREEN, "shoe": PURPLE, "vase": RED, "bag": SOFT}
POOL = ["", "lamp", "chair", "desk", "shoe", "vase", "bag"]
HISTORIES = [["lamp", "chair", "lamp", "desk"], ["chair", "lamp", "shoe"], ["lamp", "desk"]]

figure = Figure(760, 372, "Three histories share a pool of unique items")
figure.text(24, 34, "Events of a batch: 9 places", bold=True)
figure.text(424, 34, "history: positions in the pool, (B, T)", bold=True)
for row, history in enumerate(HISTORIES):
    y = 50 + 46 * row
    figure.text(24, y + 22, f"user {row + 1}", color=SOFT)
    for step, item in enumerate(history):
        figure.box(80 + 72 * step, y, 64, 34, COLORS[item], item)
    for step in range(4):
        here = POOL.index(history[step]) if step < len(history) else 0
        color = COLORS[history[step]] if here else SOFT
        figure.box(424 + 52 * step, y, 44, 34, color, str(here))
figure.text(424 + 52 * 4 + 6, 72, "0 is padding", color=SOFT)

figure.arrow((216, 190), (216, 226))
figure.text(228, 213, "each item once, and items drawn as negatives", color=INK)
figure.text(24, 258, "pool", color=SOFT)
figure.text(24, 275, "P slots", color=SOFT)
for slot, item in enumerate(POOL):
    x = 80 + 92 * slot
    figure.box(x, 240, 84, 40, COLORS.get(item, SOFT), item or "padding")
    figure.text(x + 42, 298, str(slot), anchor="middle", color=SOFT)
figure.line((540, 308), (716, 308))
figure.text(628, 324, "drawn", anchor="middle", color=SOFT)
figure.text(80, 348, "The text and image encoders run on 6 items, not on 9 places and 2 negatives.")
figure.save("pool")
