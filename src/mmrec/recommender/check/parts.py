"""What is odd about the parts of a split: targets that a model can't know anything about."""

import numpy as np

from mmrec.data import Split
from mmrec.data.splits import target_users
from mmrec.data.wording import counted
from mmrec.recommender.check.finding import Finding, note, share_of, warning
from mmrec.recommender.report import MET, SEEN, seen_types

FEW_TARGETS = 100
"""Test targets below which a measured difference is mostly chance."""

MOST = 0.5
"""Share of cold targets, or of new users, from which it is a warning."""

LIKES = ("like", "love", "thumb", "heart", "favorite", "favourite")
"""Words in names of events that follow another one on the same item."""


def part_findings(split: Split) -> list[Finding]:
    """Return what is odd about the test part: few targets, cold items, new users.

    Example:
        >>> from mmrec.data import Catalog, Interactions, split_by_time
        >>> log = {"user_id": [*"aaaabbbbcd"], "item_id": [*"xyxyxyxyxz"], "timestamp": range(10)}
        >>> split = split_by_time(Interactions(log), Catalog({"item_id": [*"xyz"]}))
        >>> [(found.kind, found.count) for found in part_findings(split)]
        [('few_targets', 1), ('cold_targets', 1), ('new_users', 1)]
    """
    targets = split.targets("test")
    events = split.sequences
    cold = int((split.train_counts[events.item[targets]] == 0).sum())
    users = np.unique(target_users(split, targets))
    before = np.unique(split.train.owner)
    new = int((~np.isin(users, before)).sum())
    found = []
    if len(targets) < FEW_TARGETS:
        found.append(
            warning(
                "few_targets",
                len(targets),
                f"the test part has {counted(len(targets), 'target')}",
                f"With fewer than {FEW_TARGETS}, differences between models are mostly chance.",
            )
        )
    by_type = split.seen_targets_by_type("test")
    if (seen := split.seen_targets("test")) >= max(SEEN * len(targets), 1):
        found.append(
            warning(
                "seen_targets",
                seen,
                f"{share_of(seen, len(targets))} of the test targets ({seen:,} of "
                f"{len(targets):,}) are items that their user has interacted with before"
                f"{seen_types(by_type)}",
                f"Lists leave seen items out, so these count as misses.{_fewer_targets(split)} The "
                "report also ranks seen items.",
            )
        )
    if (kept := split.met_targets("test") - seen) >= max(MET * len(targets), 1):
        found.append(
            note(
                "met_targets",
                kept,
                f"{share_of(kept, len(targets))} of the test targets ({kept:,} of "
                f"{len(targets):,}) are items that their user has interacted with before, in "
                "events that keep them in lists",
                "Such as a view before a purchase. Figures are high, since whoever recommends the "
                "last items finds them: compare with the baselines.",
            )
        )
    if cold:
        make = warning if cold > MOST * len(targets) else note
        found.append(
            make(
                "cold_targets",
                cold,
                f"{share_of(cold, len(targets))} of the test targets ({cold:,} of "
                f"{len(targets):,}) are items without training events",
                "Only text, image and other content can predict these; ids and popularity can't.",
            )
        )
    if new:
        make = warning if new > MOST * len(users) else note
        found.append(
            make(
                "new_users",
                new,
                f"{share_of(new, len(users))} of the users in test ({new:,} of {len(users):,}) "
                "have no training events",
                "Their lists depend on their few events before; a split at another time, or "
                "--split leave-one-out, tests known users.",
            )
        )
    return found


def _fewer_targets(split: Split) -> str:
    """Return how to predict one type alone, if all events of several types are targets."""
    roles = split.facts.get("roles", {})
    types = roles.get("target", {})
    if "context" in roles or len(types) < 2 or any(not name or ":" in name for name in types):
        return ""
    rarest = min(types, key=types.__getitem__)
    if any(word in rarest.lower() for word in LIKES):
        return f" If {rarest} follows another event on the same item, it is better no target."
    return f" Where events of one type follow another, --targets {rarest} predicts {rarest} alone."
