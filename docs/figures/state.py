"""Draw ``state.svg``: a history at once, and the same history event by event.

python docs/figures/state.py
"""

from svg import BLUE, GREEN, ORANGE, SOFT, Figure

figure = Figure(760, 378, "forward over a history equals folded steps")
figure.text(24, 34, "Training: forward, the whole history at once", bold=True)
figure.text(24, 208, "Live: step, one event at a time", bold=True)
figure.box(140, 96, 560, 32, BLUE, "forward")
for step in range(4):
    x = 180 + 150 * step
    figure.box(x, 46, 60, 30, ORANGE, f"item {step + 1}")
    figure.arrow((x + 30, 76), (x + 30, 94))
    figure.arrow((x + 30, 128), (x + 30, 148))
    figure.text(x + 30, 164, f"interest {step + 1}", anchor="middle", color=GREEN)
    figure.box(x, 222, 60, 30, ORANGE, f"item {step + 1}")
    figure.arrow((x + 30, 252), (x + 30, 270))
    figure.box(x - 4, 272, 68, 32, BLUE, "step")
    before = x - 86 if step else 122
    figure.arrow((before, 288), (x - 6, 288))
    if step:
        figure.text(x - 45, 280, "state", anchor="middle", color=SOFT, size=12)
    figure.arrow((x + 30, 304), (x + 30, 334))
    figure.text(x + 36, 323, "readout", color=SOFT, size=12)
    figure.text(x + 30, 350, f"interest {step + 1}", anchor="middle", color=GREEN)
figure.text(24, 284, "initial", color=SOFT)
figure.text(24, 300, "state", color=SOFT)
figure.line((64, 288), (122, 288))
figure.save("state")
