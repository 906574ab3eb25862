import re

from rooms import IMAGE, draw, layers


def test_the_picture_is_that_of_the_import_rule():
    assert IMAGE.read_text(encoding="utf-8") == draw(layers()), "python docs/figures/rooms.py"


def test_every_room_has_a_box_inside_the_picture():
    picture = draw(layers())
    boxes = re.findall(r'<rect x="([\d.]+)" y="\d+" width="(\d+)"', picture)[0:]
    named = re.findall(r'text-anchor="middle" fill="#1f2933">(\w+)<', picture)
    assert sorted(named) == sorted(name for row in layers() for name in row)
    assert len(boxes) == len(named) + 1  # and the ground
    assert all(float(x) >= 1 and float(x) + int(width) <= 759 for x, width in boxes)
