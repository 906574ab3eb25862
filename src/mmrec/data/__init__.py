"""Events, items and images: reading, checks, splits and batches.

A :class:`Dataset` holds :class:`Interactions` and a :class:`Catalog`. A :class:`Split` labels the
events. A :class:`Collator` turns windows of events into a :class:`Batch` with its pool of items.
:class:`Impressions` say what was shown to users at once, and which of it was clicked.
"""

from mmrec.data.batch import Batch, Collator, ItemPool, load_pool
from mmrec.data.catalog import Catalog
from mmrec.data.cleaning import clean_text
from mmrec.data.conditions import Condition, Where, parse_condition
from mmrec.data.event_labels import EventLabels
from mmrec.data.event_reader import EventReader, PastEvent
from mmrec.data.event_rules import EventRules, Role
from mmrec.data.folder import Dataset, read_folder, read_log, read_tables, renamed
from mmrec.data.histories import Histories
from mmrec.data.ids import GivenId, ItemId
from mmrec.data.images import ImageError, check_images, load_image, resolve_image
from mmrec.data.impression_batch import ImpressionBatch, ImpressionCollator
from mmrec.data.impressions import Impressions, read_impressions
from mmrec.data.interactions import (
    Interactions,
    check_known,
    drop_consecutive_duplicates,
    k_core,
)
from mmrec.data.modalities import Inputs, RawSource, Source, TableSource, id_source
from mmrec.data.pictures import pictures_in
from mmrec.data.problems import DataError
from mmrec.data.sequences import Sequences, bucket_batches, to_sequences, windows
from mmrec.data.shard_writer import write_shards
from mmrec.data.shards import Shards
from mmrec.data.splits import Split, leave_one_out, split_by_time
from mmrec.data.stream import ShardLoader, ShardStream
from mmrec.data.tables import Table
from mmrec.data.text import TextTemplate
from mmrec.data.times import TimeUnit

__all__ = [
    "Batch",
    "Catalog",
    "Collator",
    "Condition",
    "DataError",
    "Dataset",
    "EventLabels",
    "EventReader",
    "EventRules",
    "GivenId",
    "Histories",
    "ImageError",
    "ImpressionBatch",
    "ImpressionCollator",
    "Impressions",
    "Inputs",
    "Interactions",
    "ItemId",
    "ItemPool",
    "PastEvent",
    "RawSource",
    "Role",
    "Sequences",
    "ShardLoader",
    "ShardStream",
    "Shards",
    "Source",
    "Split",
    "Table",
    "TableSource",
    "TextTemplate",
    "TimeUnit",
    "Where",
    "bucket_batches",
    "check_images",
    "check_known",
    "clean_text",
    "drop_consecutive_duplicates",
    "id_source",
    "k_core",
    "leave_one_out",
    "load_image",
    "load_pool",
    "parse_condition",
    "pictures_in",
    "read_folder",
    "read_impressions",
    "read_log",
    "read_tables",
    "renamed",
    "resolve_image",
    "split_by_time",
    "to_sequences",
    "windows",
    "write_shards",
]
