import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmrec import __version__
from mmrec.recommender import Options, Recommender
from mmrec.recommender.artifact.convert import describe, from_run
from mmrec.recommender.artifact.run import RunError, read_run


def test_a_run_gives_back_the_state(by_id, saved):
    state = from_run(read_run(saved), saved)
    assert state.options == by_id.options
    assert state.catalog.ids == by_id.catalog.ids
    assert state.recipe == by_id.state.recipe
    assert state.specs == by_id.state.specs
    assert state.event_types == by_id.state.event_types
    for name, value in by_id.model.state_dict().items():
        assert torch.equal(state.model.state_dict()[name], value)


def test_a_state_is_described_in_json(by_content, images):
    described = describe(by_content.state)
    assert json.loads(json.dumps(described)) == described
    assert Options.from_dict(described["options"]) == by_content.options
    assert described["versions"]["mmrec"] == __version__
    assert described["images"] == str(images[0].parent.resolve())
    assert described["parts"]["interest"]["class_path"] == "mmrec.interest.GRUInterest"
    assert described["modalities"]["text"]["facts"]["template"] == "{title}"


def test_weights_that_are_no_numbers(saved, forget_hashes):
    forget_hashes(saved)
    weights = load_file(saved / "model.safetensors")
    name = next(name for name, value in weights.items() if value.is_floating_point())
    save_file(weights | {name: weights[name] * torch.nan}, saved / "model.safetensors")
    with pytest.raises(RunError, match=f"run must hold numbers; {name} has NaN"):
        Recommender.load(saved)


def test_shares_of_another_shape(saved, forget_hashes):
    forget_hashes(saved)
    for name, width in (("id", 15), ("text", 16)):
        save_file({name: torch.zeros(31, width)}, saved / "contributions.safetensors")
        with pytest.raises(RunError, match=rf"\(31, 16\); that of '{name}' has \(31, {width}\)"):
            Recommender.load(saved)


@pytest.fixture
def trained(fit, bert_folder, tmp_path, monkeypatch):
    """A recommender whose trained models lay in folders that are gone, and its RUN."""
    import timm

    folders = tmp_path / "bert", tmp_path / "vit"
    shutil.copytree(bert_folder, folders[0])
    folders[1].mkdir()
    backbone = timm.create_model("test_vit")
    torch.save(backbone.state_dict(), folders[1] / "pytorch_model.bin")
    described = {"architecture": "test_vit", "pretrained_cfg": backbone.pretrained_cfg}
    (folders[1] / "config.json").write_text(json.dumps(described))

    def make(modality, *, gone=True, tuning="full"):
        made = fit(
            log={"users": 12},
            modalities=(modality,),
            tuning=tuning,
            encoders={
                modality: str(folders[0]) if modality == "text" else f"local-dir:{folders[1]}"
            },
            negatives="in-batch",
            epochs=1,
        )
        made.save(tmp_path / "run")
        if gone:
            for folder in folders:
                shutil.rmtree(folder)
            if tuning != "frozen":
                monkeypatch.setattr("mmrec.recommender.content.TextModality.load", None)
        return made, tmp_path / "run"

    return make


@pytest.mark.parametrize("tuning", ["full", "last-1"])
def test_a_trained_text_model_needs_no_pretrained_one(trained, tuning):
    made, run = trained("text", tuning=tuning)
    again = Recommender.load(run)
    assert describe(again.state) == describe(made.state)
    assert again.recommend(["i1", "i5"], 12) == made.recommend(["i1", "i5"], 12)
    encoder, other = (each.model.items.encoders["text"] for each in (made, again))
    tokens = {"input_ids": torch.tensor([[2, 5, 3]]), "attention_mask": torch.ones(1, 3).long()}
    with torch.no_grad():
        assert torch.equal(encoder(tokens), other(tokens))
    learns = [parameter.requires_grad for parameter in encoder.parameters()]
    assert learns == [parameter.requires_grad for parameter in other.parameters()]
    with pytest.raises(OSError, match=r"the tokenizer of the text model .* cannot be found"):
        again.add_items({"item_id": ["new"], "title": ["red shoes a"]})


def test_a_trained_image_model_needs_no_pretrained_one(fit, tmp_path, monkeypatch):
    made = fit(log={"users": 12}, modalities=("image",), tuning="full", epochs=1)
    made.save(tmp_path / "run")
    monkeypatch.setattr("mmrec.recommender.content.ImageModality.load", None)
    again = Recommender.load(tmp_path / "run")
    assert again.recommend(["i1", "i5"], 12) == made.recommend(["i1", "i5"], 12)
    encoder = again.model.items.encoders["image"]
    assert encoder.transform == made.model.items.encoders["image"].transform
    again.add_items(
        made.catalog.frame.head(1).with_columns(item_id="n" + made.catalog.frame["item_id"].head(1))
    )
    assert torch.allclose(again.vectors[-1], made.vectors[1], atol=1e-5)


def test_an_image_model_in_a_folder_needs_the_folder(trained):
    made, run = trained("image", gone=False)
    again = Recommender.load(run)
    assert again.recommend(["i1"], 12) == made.recommend(["i1"], 12)
    shutil.rmtree(made.state.modalities["image"].modality.encoder.removeprefix("local-dir:"))
    with pytest.raises(RunError, match=r"cannot be loaded: .*'local-dir:.*its folder"):
        Recommender.load(run)


def test_a_frozen_model_is_needed_for_new_items_only(trained):
    made, run = trained("text", tuning="frozen")
    again = Recommender.load(run)
    assert again.recommend(["i1", "i5"], 12) == made.recommend(["i1", "i5"], 12)
    with pytest.raises(OSError, match=r"the text model .* cannot be found"):
        again.add_items({"item_id": ["new"], "title": ["red shoes a"]})


def test_configurations_that_build_no_model(trained):
    _, run = trained("text")
    whole = json.loads((run / "config.json").read_text())

    def refused(**changes):
        values = json.loads(json.dumps(whole))
        values["modalities"]["text"]["facts"]["architecture"]["config"] |= changes
        (run / "config.json").write_text(json.dumps(values))
        with pytest.raises(RunError, match="does not describe a model: ") as error:
            Recommender.load(run)
        return str(error.value)

    assert "'hidden_size' expected int" in refused(hidden_size="wide")
    assert "is invalid" in refused(model_type="no-such")
    assert "is invalid" in refused(num_attention_heads=0)
    assert "size mismatch" in refused(intermediate_size=16)
    assert "Missing key" in refused(num_hidden_layers=3)


def test_a_configuration_loads_no_code(trained):
    made, run = trained("text")
    values = json.loads((run / "config.json").read_text())
    values["modalities"]["text"]["facts"]["architecture"]["config"] |= {
        "attn_implementation": "some/kernel",
        "_attn_implementation": "some/kernel",
        "auto_map": {"AutoModel": "some/repo--modeling.Model"},
    }
    (run / "config.json").write_text(json.dumps(values))
    again = Recommender.load(run)
    assert again.recommend(["i1"], 12) == made.recommend(["i1"], 12)
    assert type(again.model.items.encoders["text"].backbone).__name__ == "BertModel"


def test_an_image_model_of_a_hub_is_not_asked_for_at_load(fit, tmp_path):
    made = fit(log={"users": 12}, modalities=("image",), tuning="full", epochs=1)
    made.save(tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["modalities"]["image"]["facts"]["architecture"]["name"] = "hf-hub:some/model"
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match=r"loaded without a network, .*'hf-hub:some/model': hand"):
        Recommender.load(tmp_path / "run")


def test_images_are_found_where_a_run_was_moved(fit, images, tmp_path, caplog):
    made = fit(modalities=("text",), epochs=1, log={"users": 12})
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(images[0].parent, old / "images")
    caplog.clear()
    made.catalog.images = old / "images"
    made.save(old / "run")
    assert Recommender.load(old / "run").catalog.images == old / "images"
    old.rename(new)
    assert Recommender.load(new / "run").catalog.images == (new / "images").resolve()
    assert not caplog.messages
    (new / "images").rename(tmp_path / "elsewhere")
    assert Recommender.load(new / "run").catalog.images == old / "images"
    assert len(caplog.messages) == 1
    assert "12 items name an image" in caplog.messages[0]
    loaded = Recommender.load(new / "run", images=tmp_path / "elsewhere")
    assert loaded.catalog.image_path("i0").is_file()
    with pytest.raises(FileNotFoundError, match=r"there is none at .*nowhere"):
        Recommender.load(new / "run", images=tmp_path / "nowhere")
