"""Conditions on rows: read from a text, checked against a table, evaluated by polars."""

from mmrec.data.conditions.condition import Condition, parse_condition
from mmrec.data.conditions.matching import Where, is_not_flat, matches
from mmrec.data.conditions.parsed import ParsedColumns

__all__ = ["Condition", "ParsedColumns", "Where", "is_not_flat", "matches", "parse_condition"]
