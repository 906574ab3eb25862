"""Generative retrieval: a transformer that writes the codes of the next item."""

from mmrec.generative.builders import tiger
from mmrec.generative.item_codes import ItemCodes
from mmrec.generative.loss import code_loss
from mmrec.generative.model import TIGER
from mmrec.generative.scorer import GenerativeScorer
from mmrec.generative.search import score_items
from mmrec.generative.trie import CodeTrie

__all__ = [
    "TIGER",
    "CodeTrie",
    "GenerativeScorer",
    "ItemCodes",
    "code_loss",
    "score_items",
    "tiger",
]
