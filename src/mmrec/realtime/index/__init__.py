"""Indexes of item vectors, searched while items are added, changed and removed."""

from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.index.hnsw_index import HnswIndex
from mmrec.realtime.index.index import ItemIndex, SearchResult
from mmrec.realtime.index.lance_index import LanceIndex

__all__ = ["ExactIndex", "HnswIndex", "ItemIndex", "LanceIndex", "SearchResult"]
