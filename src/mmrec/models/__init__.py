"""Plain ``nn.Module`` wiring: the item tower, the sequential model, and builders."""

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
from mmrec.models.items import ItemEncoder, encode_catalog, encode_with_contributions
from mmrec.models.sequential import SequentialModel, check_products

__all__ = [
    "CatalogScorer",
    "ItemEncoder",
    "SequentialModel",
    "check_products",
    "encode_catalog",
    "encode_with_contributions",
    "esasrec",
    "gru4rec",
    "hstu",
    "lrurec",
    "naml",
    "narm",
    "nrms",
    "sasrec",
    "sequential",
    "two_tower",
]
