"""Draw ``evaluation.svg``: one log, divided by time and by leave-one-out.

python docs/figures/evaluation.py
"""

from svg import BLUE, GREEN, ORANGE, RED, SOFT, Figure

EVENTS = {
    "user 1": [140, 190, 260, 330, 410, 560],
    "user 2": [160, 240, 300, 380],
    "user 3": [220, 430, 490, 590, 640],
    "user 4": [540, 580, 660],
}
NEW = ("user 3", 640)
PARTS = (BLUE, ORANGE, GREEN)
CUTS = (470, 550)


def draw(top: int, title: str, *, by_time: bool) -> None:
    """Draw the log at ``top``, each event in the color of its part."""
    figure.text(24, top, title, bold=True)
    for row, (user, times) in enumerate(EVENTS.items()):
        y = top + 28 + 27 * row
        figure.text(24, y + 5, user, color=SOFT)
        figure.line((90, y), (720, y), color="#dfe4ea")
        for n, x in enumerate(times):
            left = len(times) - n
            part = sum(x > cut for cut in CUTS) if by_time else max(0, 3 - left)
            figure.dot(x, y, PARTS[part], hollow=(user, x) == NEW)
    if by_time:
        for cut in CUTS:
            figure.line((cut, top + 12), (cut, top + 124), color=RED, dashed=True)


figure = Figure(760, 390, "Two splits of one log")
draw(34, "--split time: two instants cut the log; the future is not trained on", by_time=True)
draw(192, "--split leave-one-out: the last two events of each user are held out", by_time=False)
for x, color, words in ((24, BLUE, "training"), (120, ORANGE, "validation"), (232, GREEN, "test")):
    figure.dot(x + 8, 356, color)
    figure.text(x + 22, 361, words)
figure.dot(308, 356, GREEN, hollow=True)
figure.text(322, 361, "test, of an item without a training event (cold)")
figure.text(720, 361, "time →", anchor="end", color=SOFT)
figure.save("evaluation")
