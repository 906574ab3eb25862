"""Columns that may be ours under names of any language, by their values."""

from mmrec.data.likely_roles import how_given_roles, likely_roles, said_roles
from mmrec.recommender.check.finding import Finding, note
from mmrec.recommender.check.reading import Material
from mmrec.recommender.options import Options


def role_findings(material: Material, options: Options) -> list[Finding]:
    """Return which columns look like event types, watch times and so on, and the option to type.

    Columns that rules of events read have a role already.

    Args:
        material: what could be read.
        options: the options of ``fit``.
    """
    if material.log is None:
        return []
    items = None if material.catalog is None else material.catalog.frame
    roles = likely_roles(material.log.frame, items, options.event_rules.columns)
    if not roles:
        return []
    return [
        note(
            "likely_roles",
            len(roles),
            said_roles(roles),
            f"It is a guess by the values. If it is right: {how_given_roles(roles)}",
        )
    ]
