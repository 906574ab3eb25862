"""The modalities of a recommender: from columns of a catalogue to encoders."""

from mmrec.recommender.content.category import CategoryModality
from mmrec.recommender.content.fitted import FittedModality, encode_rows
from mmrec.recommender.content.given import GivenModality
from mmrec.recommender.content.graph import GraphModality
from mmrec.recommender.content.identity import IdModality
from mmrec.recommender.content.image import DEFAULT_IMAGE_ENCODER, ImageModality
from mmrec.recommender.content.modality import Context, Modality, Prepared
from mmrec.recommender.content.number import NumberModality
from mmrec.recommender.content.read import (
    Content,
    modalities_of,
    read_content,
    those_of,
    trains_encoders,
)
from mmrec.recommender.content.semantic import SemanticModality
from mmrec.recommender.content.side import SideModality, unread_numbers
from mmrec.recommender.content.text import DEFAULT_TEXT_ENCODER, TextModality
from mmrec.recommender.content.vectors import VectorsModality

__all__ = [
    "DEFAULT_IMAGE_ENCODER",
    "DEFAULT_TEXT_ENCODER",
    "CategoryModality",
    "Content",
    "Context",
    "FittedModality",
    "GivenModality",
    "GraphModality",
    "IdModality",
    "ImageModality",
    "Modality",
    "NumberModality",
    "Prepared",
    "SemanticModality",
    "SideModality",
    "TextModality",
    "VectorsModality",
    "encode_rows",
    "modalities_of",
    "read_content",
    "those_of",
    "trains_encoders",
    "unread_numbers",
]
