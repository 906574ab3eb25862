import json

import numpy as np
import pytest
import torch
from torch import nn

from mmrec.data import Catalog, Histories, Interactions, read_impressions
from mmrec.encoders import FeatureEncoder, IdEncoder
from mmrec.fusion import SiameseFusion
from mmrec.interest import GRUInterest
from mmrec.models import ClickModel, ItemEncoder, click_model, din, naml_clicks, nrms_clicks
from mmrec.recommender import Options
from mmrec.recommender.clicks import click_content, load_clicks, read_event_types, save_clicks
from mmrec.scoring import DCNScorer, MLPScorer
from mmrec.training import ImpressionDataModule


def encoders():
    text = FeatureEncoder(5).fit(torch.randn(20, 5) + 1)  # what it has fitted is kept, too
    return {"id": IdEncoder(9, 8), "text": text}


def siamese():
    fusion = SiameseFusion({"id": 8, "text": 5}, 8, content=["text"], alignment=0.1)
    items = ItemEncoder(encoders(), fusion, modality_dropout=0.2, chunk=7)
    return ClickModel(items, GRUInterest(8, 6, layers=2), MLPScorer(6, 8))


BUILT = {
    "din": lambda: din(encoders(), dim=8, time_gap=True, num_event_types=2),
    "nrms": lambda: nrms_clicks(encoders(), dim=16),
    "naml": lambda: naml_clicks(encoders(), dim=8),
    "dcn": lambda: click_model(encoders(), GRUInterest, scorer=DCNScorer, dim=8),
    "siamese": siamese,
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("build", BUILT)
def test_a_model_scores_the_same_after_loading(build, stirred, tmp_path):
    model = stirred(BUILT[build]()).eval()
    save_clicks(model, tmp_path / "clicks")
    again = load_clicks(tmp_path / "clicks")
    assert not again.training
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    assert again.items.modality_dropout == model.items.modality_dropout
    assert again.items.chunk == model.items.chunk
    vectors = torch.randn(10, model.items.dim)
    given = Histories.of_items([[1, 2], []]), torch.tensor([[3, 4], [5, 0]]), vectors
    with torch.no_grad():
        assert torch.equal(again.score(*given), model.score(*given))
    save_clicks(again, tmp_path / "clicks")  # in place of the first


def test_the_names_of_event_types_are_kept(tmp_path):
    model = din(encoders(), dim=8, num_event_types=2)
    save_clicks(model, tmp_path / "clicks", event_types=("click", "view"))
    assert read_event_types(tmp_path / "clicks") == ("click", "view")
    assert not load_clicks(tmp_path / "clicks").training
    save_clicks(model, tmp_path / "clicks")
    with pytest.raises(ValueError, match=r"expected a model saved with its event_types; .* none"):
        read_event_types(tmp_path / "clicks")
    path = tmp_path / "clicks" / "clicks.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"event_types": "click"}))
    with pytest.raises(ValueError, match=r"damaged: expected names as event_types; got 'click'"):
        read_event_types(tmp_path / "clicks")


class Own(nn.Module):
    """A scorer of one's own, which records no arguments."""

    def __init__(self, dim):
        super().__init__()
        self.form = nn.Linear(dim, dim)

    def forward(self, states, candidates):
        return (self.form(states).unsqueeze(1) * candidates).sum(-1)


def test_a_part_of_ones_own_is_handed_over(tmp_path):
    model = click_model(encoders(), GRUInterest, scorer=lambda *_: Own(8), dim=8)
    save_clicks(model, tmp_path / "clicks")
    with pytest.raises(ValueError, match=r"the scorer is .*Own, which is not a part of mmrec"):
        load_clicks(tmp_path / "clicks")
    again = load_clicks(tmp_path / "clicks", parts={"scorer": Own(8)})
    assert torch.equal(again.scorer.form.weight, model.scorer.form.weight)
    with pytest.raises(ValueError, match=r"clicks.safetensors does not fit the model: .*extra"):
        load_clicks(tmp_path / "clicks", parts={"scorer": Own2(8)})


class Own2(Own):
    """The same with another weight."""

    def __init__(self, dim):
        super().__init__(dim)
        self.extra = nn.Linear(dim, dim)


def test_only_parts_of_mmrec_are_imported(tmp_path):
    save_clicks(din(encoders(), dim=8), tmp_path / "clicks")
    path = tmp_path / "clicks" / "clicks.json"
    config = json.loads(path.read_text())
    config["parts"]["scorer"]["class_path"] = "os.system"
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"the scorer is os.system, which is not a part of mmrec"):
        load_clicks(tmp_path / "clicks")


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model of clicks at"):
        load_clicks(tmp_path / "none")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"other than a model of clicks: \['notes.txt'\]"):
        save_clicks(din(encoders(), dim=8), tmp_path / "other")
    with pytest.raises(ValueError, match=r"it lacks \['clicks.json', 'clicks.safetensors'\]"):
        load_clicks(tmp_path / "other")
    save_clicks(din(encoders(), dim=8), tmp_path / "clicks")
    path = tmp_path / "clicks" / "clicks.json"
    kept = json.loads(path.read_text())
    for damaged, message in (
        (kept | {"format": 0}, "must be of format 1; it is of format 0"),
        (kept | {"parts": {}}, "is damaged: KeyError"),
        ([], "must hold a JSON object; got list"),
    ):
        path.write_text(json.dumps(damaged))
        with pytest.raises(ValueError, match=message):
            load_clicks(tmp_path / "clicks")


def test_the_content_of_a_catalogue_is_read_as_fit_reads_it(caplog, bert_folder, tmp_path):
    """Ids are of what the training part shows, or has in a history; c comes later, d never."""
    log = {
        "user_id": [*"uuuuu"],
        "item_id": [*"xabcc"],
        "timestamp": [1, 5, 5, 9, 10],
        "event": ["click", "click", "impression", "click", "impression"],
        "impression_id": [None, "1", "1", "2", "2"],
    }
    catalog = Catalog({"item_id": [*"abcdx"], "kind": ["p", "q", None, "q", "p"]})
    whole = read_impressions(Interactions(log), catalog)
    first = whole.keep(whole.time < 6)
    content = click_content(catalog, first, options=Options(modalities=("id", "category"), dim=8))
    assert catalog.ids_of(np.flatnonzero(content.sources["id"].present)) == ["a", "b", "x"]
    assert catalog.ids_of(np.flatnonzero(content.sources["category"].present)) == [*"abdx"]
    model = din(content.encoders, dim=8)
    feed = ImpressionDataModule(first, whole, content.sources)
    batch = next(iter(feed.train_dataloader()))
    assert model(batch).logits.shape == batch.candidates.shape

    content = click_content(catalog, first)
    assert list(content.sources) == ["id"]
    assert "text is left out" in caplog.text
    with pytest.raises(ValueError, match="modality 'number' must find"):
        click_content(catalog, first, options=Options(modalities=("number",)))
    shelf = Catalog({"item_id": [*"abcdx"], "text": ["a lamp", "a chair", "", None, "a desk"]})
    words, given = Options(modalities=("text",)), {"text": str(bert_folder)}
    content = click_content(shelf, first, options=words, encoders=given, cache=tmp_path)
    assert content.sources["text"].present.tolist() == [False, True, True, False, False, True]
    assert isinstance(content.encoders["text"], FeatureEncoder)
    assert any(tmp_path.iterdir())
