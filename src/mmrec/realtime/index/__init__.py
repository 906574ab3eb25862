"""Item vectors that are searched while they change."""

from mmrec.realtime.index.exact import ExactIndex
from mmrec.realtime.index.faiss_index import FaissIndex
from mmrec.realtime.index.index import ItemIndex, SearchResult
from mmrec.realtime.index.lance_index import LanceIndex

__all__ = ["ExactIndex", "FaissIndex", "ItemIndex", "LanceIndex", "SearchResult"]
