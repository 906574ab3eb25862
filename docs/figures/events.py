"""Draw ``events.svg``: events of one user by role, and what each does for the next target.

python docs/figures/events.py
"""

from svg import BLUE, GREEN, ORANGE, RED, SOFT, Figure

EVENTS = [
    ("view", "lamp", "context", BLUE),
    ("impression", "vase", "shown", ORANGE),
    ("hide", "chair", "negative", RED),
    ("scroll", "rug", "ignored", SOFT),
    ("view", "desk", "context", BLUE),
    ("purchase", "desk", "target", GREEN),
]
SIGNS = {"context": "+", "negative": "−"}

figure = Figure(760, 396, "Events of one user, and what each role does for a target")
figure.text(24, 34, "Events of one user: --targets purchase --ignored scroll", bold=True)
figure.text(736, 34, "time →", anchor="end", color=SOFT)
for n, (event_type, item, role, color) in enumerate(EVENTS):
    x = 24 + 122 * n
    figure.box(x, 48, 102, 46, color, f"{event_type}|{item}")
    figure.text(x + 51, 114, role, anchor="middle", color=color)
    if role in SIGNS:
        figure.arrow((x + 51, 122), (x + 51, 146))
        figure.box(x + 11, 148, 80, 30, color, f"{SIGNS[role]} {item}")
        figure.arrow((x + 51, 178), (x + 51, 202))
figure.text(75 + 122, 168, "not read", anchor="middle", color=SOFT)
figure.text(75 + 122 * 3, 168, "not read", anchor="middle", color=SOFT)
figure.box(24, 204, 590, 36, BLUE, "history: the interest before the purchase")
figure.line((614, 222), (685, 222))
figure.arrow((685, 222), (685, 120))
figure.text(693, 168, "predicts", color=GREEN)

figure.text(24, 282, "What training wants of the scores", bold=True)
figure.box(24, 298, 102, 34, GREEN, "desk")
figure.text(75, 352, "the target", anchor="middle", color=SOFT)
figure.text(157, 320, "above", anchor="middle", color=SOFT)
for x, item, color, words in (
    (188, "vase", ORANGE, "shown, not chosen"),
    (376, "chair", RED, "said no to before"),
    (564, "other items", SOFT, "drawn as negatives"),
):
    figure.box(x, 298, 172, 34, color, item)
    figure.text(x + 86, 352, words, anchor="middle", color=SOFT)
figure.text(
    24, 380, "Targets alone are measured. A target is history, too, for what comes after it."
)
figure.save("events")
