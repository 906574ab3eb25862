import shutil

import polars as pl
import pytest

from mmrec.recommender import Options


def test_missing_pictures(data):
    (data.images / "3.png").unlink()
    (data.images / "4.png").unlink()
    report = data.check()
    (finding,) = report.findings
    assert (finding.kind, finding.count) == ("missing_pictures", 2)
    assert finding.examples == ("'3.png'", "'4.png'")
    assert report.used["modalities"]["image"]["items"] == 38


def test_no_folder(data):
    shutil.rmtree(data.images)
    found = data.found(options=Options(modalities=("id", "image")))
    assert found["missing_pictures"].count == 40
    assert "there is no folder images" in found["missing_pictures"].text
    assert "none of the 40 items has it" in found["modality"].text


def test_unreadable_pictures(data):
    (data.images / "3.png").write_bytes(b"no picture")
    (data.images / "4.png").write_bytes((data.images / "5.png").read_bytes()[:40])
    report = data.check()
    (finding,) = report.findings
    assert (finding.kind, finding.count) == ("unreadable_pictures", 2)
    assert "image 3.png is not a JPEG" in finding.examples[0]
    assert report.used["modalities"]["image"]["items"] == 38


@pytest.mark.parametrize(("images", "opened"), [(0, 0), (7, 7), (None, 40), (1000, 40)])
def test_how_many_are_opened(data, images, opened):
    report = data.check(images=images)
    assert report.there["images"]["opened"] == opened
    assert ("a fixed draw" in str(report)) == (opened < 40)


def test_pictures_with_the_same_bytes(data):
    for name in ("3.png", "4.png"):
        shutil.copy(data.images / "5.png", data.images / name)
    data.set_items([7], image="8.png")  # one file for two items
    finding = data.found()["pictures_alike"]
    assert finding.count == 5
    assert finding.examples == ("'i3'", "'i4'", "'i5'")
    assert finding.text == (
        "5 items have exactly the picture of another one: of 40 pictures that were opened and "
        "compared, 2 are each shared by 2 to 3 items"
    )
    assert "If it may be a placeholder" in finding.advice
    shutil.copy(data.images / "9.png", data.images / "3.png")
    assert data.found()["pictures_alike"].text.endswith("3 are each shared by 2 items")


def test_one_picture_of_many_items_is_counted_and_a_placeholder_as_a_guess(data):
    data.set_items(range(30), image="39.png")
    finding = data.found()["pictures_alike"]
    assert finding.count == 31
    assert finding.text.endswith("opened and compared, one is shared by 31 items")
    assert "placeholder" not in finding.text


def test_pictures_of_no_item(data):
    shutil.copy(data.images / "5.png", data.images / "other.PNG")
    (data.images / "manifest.jsonl").write_text("{}")
    assert data.found()["unnamed_pictures"].count == 1


@pytest.mark.parametrize("several", [False, True])
def test_pictures_that_a_column_of_another_name_names(data, several):
    data.items = data.items.rename({"image": "media"})
    data.set_items(range(9), media=None)
    if several:
        data.items = data.items.with_columns(pl.concat_list("media"))
    report = data.check(columns={"title": "name"})
    found = {finding.kind: finding for finding in report.findings}
    assert "unnamed_pictures" not in found
    finding = found["likely_pictures"]
    assert (finding.severity, finding.count) == ("warning", 40)
    assert finding.text.endswith("are read for no item, and media names files there")
    option = "--columns title=name,media=image"
    assert finding.advice == f"If they are the pictures of items: {option}"
    [unused] = report.used["unused"]["items"]
    assert unused["hint"] == f"It names files of the folder images: {option}."
    report = data.check(columns={"media": "image"})
    assert report.used["modalities"]["image"]["items"] == 31


def test_pictures_beside_a_column_image_are_only_counted(data):
    data.items = data.items.with_columns(media="image", image=pl.lit("0.png"))
    assert "likely_pictures" not in data.found()
    assert data.found()["unnamed_pictures"].count == 39


def test_a_linked_folder_of_images(data):
    shutil.move(data.images, data.folder / "real")
    data.images.symlink_to(data.folder / "real")
    assert data.check().findings == ()


def test_several_pictures_in_one_text(data):
    names = [f"{n}.png" for n in range(40)]
    data.items = data.items.with_columns(image=pl.Series(["0.png|1.png", *names[1:]]))
    report = data.check()
    (finding,) = report.findings
    assert (finding.kind, finding.count) == ("pictures_alike", 2)
    assert report.used["modalities"]["image"]["items"] == 40


def test_bytes_and_several_pictures(data):
    content = [[(data.images / f"{n}.png").read_bytes()] for n in range(40)]
    content[0] = [b"broken", content[0][0]]
    content[1] = [b"broken"]
    data.items = data.items.with_columns(image=pl.Series(content))
    report = data.check()
    assert report.used["modalities"]["image"]["items"] == 39
    found = {finding.kind: finding for finding in report.findings}
    assert found["unreadable_pictures"].count == 2
    assert "pictures_alike" not in found
    assert found["unnamed_pictures"].count == 40
