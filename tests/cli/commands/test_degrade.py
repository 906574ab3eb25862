from xml.etree import ElementTree

import pytest


def test_curves_of_a_run(answer, made, run, data, tmp_path):
    plot = tmp_path / "curves.svg"
    found, said = answer("degrade", run, "--data", data, "--shares", "0,1", "--plot", plot)
    rows = found["degradation"]
    assert [row["share"] for row in rows] == [0.0, 1.0] * (len(rows) // 2)
    assert {row["modality"] for row in rows} == set(made.state.modalities)
    first = said.splitlines()[1].split()
    assert first[:2] == [rows[0]["modality"], "0%"]
    assert float(first[2]) == pytest.approx(rows[0]["ndcg@10"], abs=1e-4)
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")


def test_a_png_and_one_modality(answer, made, run, data, tmp_path):
    plot, name = tmp_path / "curves.png", next(iter(made.state.modalities))
    given = ("--data", data, "--shares", "0", "--modalities", name, "--plot", plot)
    found, _ = answer("degrade", run, *given)
    assert [row["modality"] for row in found["degradation"]] == [name]
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_what_is_refused(refusal, run, data, tmp_path):
    assert "no RUN at" in refusal("degrade", tmp_path / "none")
    given = (run, "--data", data)
    assert "got ['sound']" in refusal("degrade", *given, "--modalities", "sound")
    assert "got 'half'" in refusal("degrade", *given, "--shares", "half")
    assert "from 0 to 1; got [2.0]" in refusal("degrade", *given, "--shares", "0,2")
    nowhere = tmp_path / "none" / "a.png"
    assert "a folder that exists" in refusal("degrade", *given, "--plot", nowhere)
    assert "ends in .png or .svg" in refusal("degrade", *given, "--plot", tmp_path / "a.gif")


def test_another_folder_has_the_names_of_the_training(command, run, run_of_renamed, data, renamed):
    how, said = ["--shares", "0"], []
    for place, folder in ((run, data), (run_of_renamed, renamed)):
        status, out, err = command("degrade", place, "--data", folder, *how)
        assert status == 0, err
        assert ("read as for the training: who is user_id" in err) == (folder == renamed)
        said.append(out)
    assert said[0] == said[1]
