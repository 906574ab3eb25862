"""Plain ``nn.Module`` wiring: the item tower, models of sequences and of clicks, and builders."""

from mmrec.models.builders import (
    esasrec,
    gru4rec,
    hstu,
    lrurec,
    naml,
    narm,
    nrms,
    sasrec,
    sequential,
    two_tower,
)
from mmrec.models.catalog_scorer import CatalogScorer
from mmrec.models.click_builders import click_model, din, naml_clicks, nrms_clicks
from mmrec.models.clicks import ClickModel, ClickOutput
from mmrec.models.items import ItemEncoder, encode_catalog, encode_with_contributions
from mmrec.models.sequential import SequentialModel, check_products

__all__ = [
    "CatalogScorer",
    "ClickModel",
    "ClickOutput",
    "ItemEncoder",
    "SequentialModel",
    "check_products",
    "click_model",
    "din",
    "encode_catalog",
    "encode_with_contributions",
    "esasrec",
    "gru4rec",
    "hstu",
    "lrurec",
    "naml",
    "naml_clicks",
    "narm",
    "nrms",
    "nrms_clicks",
    "sasrec",
    "sequential",
    "two_tower",
]
