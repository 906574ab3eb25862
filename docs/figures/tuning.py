"""Draw ``tuning.svg``: which weights of a text or image model are trained.

python docs/figures/tuning.py
"""

from svg import GREEN, ORANGE, SOFT, Figure

BLOCKS = 5
COLUMNS = [
    ("frozen", set(), False, "encoded once,", "kept on disk"),
    ("last-2", {3, 4}, False, "top blocks", "are trained"),
    ("lora", set(), True, "small adapters", "in all blocks"),
    ("full", set(range(BLOCKS)), False, "everything", "is trained"),
]

figure = Figure(760, 352, "Frozen, last-N, LoRA and full")
for column, (name, trained, adapters, first, second) in enumerate(COLUMNS):
    x = 40 + 178 * column
    figure.text(x + 65, 34, name, anchor="middle", bold=True, size=15)
    figure.box(x, 48, 130, 28, GREEN, "fusion")
    for block in range(BLOCKS):
        y = 84 + 34 * (BLOCKS - 1 - block)
        on = block in trained
        figure.box(x, y, 130 - 34 * adapters, 28, GREEN if on else SOFT, f"block {block + 1}")
        if adapters:
            figure.box(x + 102, y, 28, 28, ORANGE, "r")
    figure.text(x + 65, 276, first, anchor="middle")
    figure.text(x + 65, 293, second, anchor="middle")
for x, color, words in ((40, SOFT, "frozen"), (140, GREEN, "trained"), (248, ORANGE, "adapter")):
    figure.box(x, 316, 18, 18, color)
    figure.text(x + 26, 330, words)
figure.save("tuning")
