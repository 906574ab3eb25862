"""What events mean: which are predicted, which are context, which say no, which don't count."""

import logging
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

import polars as pl

from mmrec.data.conditions.columns import RefusedValues
from mmrec.data.event_kinds import Kinded, alike, frame_of, kinded
from mmrec.data.interactions import Interactions, is_repeat
from mmrec.data.negative_names import sound_negative
from mmrec.data.rule_conditions import condition_of, unmatched_conditions
from mmrec.data.wording import counted, did_you_mean, some_meant

log = logging.getLogger(__name__)


class Role(IntEnum):
    """What an event is used for.

    A context event is read as history and never predicted. A target is also predicted. A negative
    event is read as history, and its item should rank below the user's next target. A shown item
    that was not chosen is no history; it only ranks below the target that was.
    """

    CONTEXT = 0
    TARGET = 1
    NEGATIVE = 2
    SHOWN = 3
    IGNORED = 4


NEGATIVE_TYPES = (
    "block",
    "dislike",
    "downvote",
    "hide",
    "not_interested",
    "report",
    "skip",
    "thumbs_down",
)
"""Names of event types that are negative unless something else is said."""

SHOWN_TYPES = ("impression", "not_clicked")
"""Names of event types that are items shown and not chosen, unless something else is said."""

RATINGS = ("rating", "stars", "score")
"""Those that are opinions; some scales begin below 0."""

SIGNALS = (
    *RATINGS,
    "watched",
    "watched_seconds",
    "watch_ratio",
    "watch_seconds",
    "watch_share",
    "watch_time",
    "listen_seconds",
    "listen_time",
    "play_seconds",
    "play_time",
    "completion",
    "dwell",
    "dwell_time",
    "dwell_seconds",
)
"""Columns that often say whether an event was a good one."""

NEVER_BELOW_ZERO = ("duration", *SIGNALS[len(RATINGS) :])
"""Columns of events that are times, or parts of them."""

MOST_KINDS = 10_000
"""Events whose types are kept, at most."""


@dataclass(frozen=True)
class EventRules:
    """Gives each event a role and a weight.

    A rule is the name of an event type, or a condition on the columns of the log such as
    ``"rating <= 2"``, see :func:`mmrec.data.parse_condition`. If several rules fit an event,
    ``ignored`` wins over ``shown``, that over ``negative``, and that over ``targets``. Events that
    fit a condition get a type of their own, such as ``"view:negative"``, so that a model can tell
    them apart.

    Args:
        targets: what is predicted; by default every event that no other rule fits. With
            ``targets``, events that no rule fits are context.
        negative: what says no, beside the types in ``NEGATIVE_TYPES`` that no other rule names;
            empty if nothing says no; with a rule in it, those names count again.
        shown: what was shown and not chosen, beside ``SHOWN_TYPES`` in the same way.
        ignored: what is left out.
        weights: weight in the loss by event type; 1 for targets and 0 for context by default. A
            context type with a weight is learned from, but not measured.
        drop_repeats: whether an event of the same type on the same item as the user's event before
            is left out.

    Raises:
        ValueError: a condition can't be read, a weight is negative, or a rule of ``targets`` is
            also in ``negative``, ``shown`` or ``ignored``.

    Example:
        >>> rules = EventRules(targets=("purchase",))
        >>> rules.role_of("purchase").name, rules.role_of("view").name, rules.role_of("hide").name
        ('TARGET', 'CONTEXT', 'NEGATIVE')
        >>> EventRules(negative=("rating <= 2",)).role_of("hide").name
        'NEGATIVE'
        >>> EventRules(negative=()).role_of("hide").name, EventRules(("hide",)).role_of("hide").name
        ('TARGET', 'TARGET')
    """

    targets: Sequence[str] = ()
    negative: Sequence[str] | None = None
    shown: Sequence[str] | None = None
    ignored: Sequence[str] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    drop_repeats: bool = True

    def __post_init__(self) -> None:
        for _, rules in self._groups:
            for rule in rules:
                condition_of(rule)
        wrong = {name: value for name, value in self.weights.items() if not 0 <= value < 1e6}
        if wrong:
            raise ValueError(f"weights must be numbers of 0 or more; got {wrong}")
        for name in ("negative", "shown", "ignored"):
            if both := sorted({*self.targets} & {*(getattr(self, name) or ())}):
                raise ValueError(
                    f"a rule must be in targets or in {name}, not in both, where {name} wins; got "
                    f"{both} in both"
                )

    @cached_property
    def _groups(self) -> list[tuple[Role, Sequence[str]]]:
        """The rules by role; later ones win."""
        usual = self.usual_types
        return [
            (Role.TARGET, self.targets),
            (Role.NEGATIVE, [*(self.negative or ()), *usual[Role.NEGATIVE]]),
            (Role.SHOWN, [*(self.shown or ()), *usual[Role.SHOWN]]),
            (Role.IGNORED, self.ignored),
        ]

    @property
    def rules(self) -> list[str]:
        """All rules, as they were written; also the usual types.

        Example:
            >>> EventRules(("buy",), negative=("qty < 0",), shown=()).rules[:2]
            ['buy', 'qty < 0']
        """
        return [rule for _, rules in self._groups for rule in rules]

    @property
    def usual_types(self) -> dict[Role, list[str]]:
        """The event types that have a role by their names, since no rule names them.

        Example:
            >>> EventRules(targets=("click",), ignored=("impression",)).usual_types[Role.SHOWN]
            ['not_clicked']
            >>> EventRules(targets=("buy",), weights={"report": 0.5}).role_of("report").name
            'CONTEXT'
        """
        rules = (self.targets, self.negative or (), self.shown or (), self.ignored, self.weights)
        said = {name for named in rules for name in named}
        given = (
            (Role.NEGATIVE, NEGATIVE_TYPES, self.negative),
            (Role.SHOWN, SHOWN_TYPES, self.shown),
        )
        return {
            role: [] if rules is not None and not rules else [n for n in names if n not in said]
            for role, names, rules in given
        }

    @cached_property
    def columns(self) -> Set[str]:
        """The columns that conditions read."""
        return {name for _, read in self._read for columns in read for name in columns}

    @cached_property
    def _read(self) -> list[tuple[Role, list[set[str]]]]:
        """The columns of each condition, by role; later roles win."""
        return [
            (role, [set(one.columns) for rule in rules if (one := condition_of(rule)) is not None])
            for role, rules in self._groups
        ]

    def lacking(
        self, event_type: str, columns: Collection[str], roles: Collection[Role] = tuple(Role)
    ) -> Set[str]:
        """Return the columns that an event lacks, and that conditions on its role read.

        A role by the name of the type wins over conditions of the same role and of earlier ones. Of
        several conditions of one role, an event needs the columns of one, unless it has some of
        those of another.

        Args:
            event_type: its type, as it was sent.
            columns: the names of the columns that it has.
            roles: those whose conditions count.

        Example:
            >>> rules = EventRules(targets=("watch",), negative=("seconds / duration < 0.1",))
            >>> sorted(rules.lacking("watch", [])), sorted(rules.lacking("watch", ["seconds"]))
            (['duration', 'seconds'], ['duration'])
            >>> rules = EventRules(targets=("purchase", "rating >= 4"))
            >>> rules.lacking("purchase", []), rules.lacking("review", [])
            (set(), {'rating'})
        """
        if event_type.rpartition(":")[2] in map(_suffix, Role):
            return set()
        there, lacking = {"event", *columns}, set[str]()
        for (role, rules), (_, read) in zip(self._groups, self._read, strict=True):
            if event_type in rules:
                lacking = set()
            elif role in roles:
                whole = any(one <= there for one in read)
                partly = [one for one in read if not whole or one & set(columns)]
                lacking |= {name for one in partly for name in one - there}
        return lacking

    @staticmethod
    def _is_named(event_type: str, role: Role, rules: Sequence[str]) -> bool:
        return event_type in rules or event_type.rpartition(":")[2] == _suffix(role)

    def role_of(self, event_type: str) -> Role:
        """Return the role of an event by its type alone."""
        role = Role.CONTEXT if self.targets else Role.TARGET
        for name, rules in self._groups:
            if self._is_named(event_type, name, rules):
                role = name
        return role

    def is_seen(self, event_type: str) -> bool:
        """Return whether an item is left out of later lists after an event of this type.

        Targets and negative events count; not what was only shown, and no context: someone who has
        looked at a product may still buy it.
        """
        return self.role_of(event_type) in (Role.TARGET, Role.NEGATIVE)

    def weight_of(self, event_type: str) -> float:
        """Return the weight of an event in the loss."""
        role = self.role_of(event_type)
        default = 1.0 if role == Role.TARGET else 0.0
        return float(self.weights.get(event_type, default)) if role <= Role.TARGET else 0.0

    def resolve(self, event_type: str, values: Mapping[str, Any] | None = None) -> str:
        """Return the type under which an event counts, given the values of its columns.

        Raises:
            ValueError: a value that a condition reads is nested, or can't be compared with it.

        Example:
            >>> EventRules(negative=("rating <= 2",)).resolve("review", {"rating": 1})
            'review:negative'
        """
        kind = self.resolve_all([(event_type, values or {})])[0]
        if isinstance(kind, ValueError):
            raise kind
        return kind

    def resolve_all(
        self, events: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[str | ValueError]:
        """Return for each of many events what :meth:`resolve` returns, or the error that it raises.

        Example:
            >>> rules = EventRules(negative=("rating <= 2",))
            >>> rules.resolve_all([("review", {"rating": 1}), ("review", {"rating": 5})])
            ['review:negative', 'review']
        """
        keys = [self._key(*event) for event in events]
        found: dict[Kinded, str | ValueError] = {}
        unknown: dict[Kinded, None] = {}  # in order, without repeats
        for key in keys:
            if isinstance(key, ValueError):
                continue
            if (kept := self._kinds.get(key)) is None:
                unknown[key] = None
            else:
                found[key] = kept
        for group in alike(unknown):
            found |= self._resolve_alike(group)
        self._keep({key: kind for key in unknown if isinstance(kind := found[key], str)})
        return [key if isinstance(key, ValueError) else found[key] for key in keys]

    def _key(self, event_type: str, values: Mapping[str, Any]) -> Kinded | ValueError:
        try:
            return kinded(event_type, values, self.columns)
        except ValueError as error:
            return error

    def _resolve_alike(self, events: list[Kinded]) -> dict[Kinded, str | ValueError]:
        """Return the types of events that conditions read alike; each error is of one event."""
        try:
            frame = frame_of(events)
        except ValueError as error:
            if len(events) == 1:
                return {events[0]: error}
            return {event: self._resolve_alike([event])[event] for event in events}
        found: list[str] | list[ValueError]
        try:
            found = frame.select(self._resolved(frame)[0]).to_series().to_list()
        except RefusedValues as error:
            reasons = dict(zip(events, error.of_rows(), strict=True))
            refused = {
                event: ValueError(said) for event, said in reasons.items() if said is not None
            }
            rest = [event for event in events if event not in refused]
            return {**refused, **(self._resolve_alike(rest) if rest else {})}
        except ValueError as error:  # about the columns, which all of these events have
            found = [ValueError(str(error)) for _ in events]
        return dict(zip(events, found, strict=True))

    def _keep(self, kinds: Mapping[Kinded, str]) -> None:
        """Keep types that were found, in place of all earlier ones if they become too many."""
        if len(self._kinds) + len(kinds) > MOST_KINDS:
            self._kinds.clear()
        if len(kinds) <= MOST_KINDS:
            self._kinds.update(kinds)

    @cached_property
    def _kinds(self) -> dict[Kinded, str]:
        """The types of the last events by what they have, since many live events have the same."""
        return {}

    def named(self, frame: pl.DataFrame, *, whole: bool = True) -> pl.DataFrame:
        """Return events with the types under which they count.

        Args:
            frame: the events.
            whole: whether the columns of all conditions must be there; otherwise, a condition on a
                column that is missing fits no event.

        Raises:
            ValueError: a condition reads a column that is missing, or values that it can't compare.
        """
        if not self.columns:
            return frame
        if whole:
            self._check_columns(frame)
        return frame.with_columns(self._resolved(frame)[0].alias("event"))

    def apply(self, interactions: Interactions) -> tuple[Interactions, dict[str, Any]]:
        """Return the log with the columns ``event``, ``role`` and ``weight``, and what was done.

        Ignored events and repeats are left out. The facts count the events of each type by role,
        what was left out by type, and name columns that look like a signal and are not used.

        Raises:
            ValueError: a condition names an unknown column, or no event is a target.
        """
        frame = interactions.frame
        name, role = self._resolved(frame)
        frame = frame.with_columns(name.alias("event"), role.alias("role"))
        kept = frame.filter(pl.col("role") != Role.IGNORED)
        repeats = pl.lit(False)
        if self.drop_repeats:
            # Shown items are no events of the user, so they don't separate two of them.
            kept = kept.with_row_index("_row")
            acted = kept.filter(pl.col("role") != Role.SHOWN)
            again = acted.filter(is_repeat(acted))["_row"]
            repeats = pl.col("_row").is_in(again.implode())
        facts = self._facts(interactions.frame, frame, kept.filter(repeats))
        kept = kept.filter(~repeats).drop("_row", strict=False)
        for rule in unmatched_conditions(self.rules, interactions.frame):
            log.warning("no event fits the rule %r", rule)
        self._check(kept, frame)
        names = kept["event"].unique().to_list()
        weights = pl.DataFrame({"event": names, "weight": [self.weight_of(n) for n in names]})
        kept = kept.join(weights, on="event", how="left", maintain_order="left")
        if "event" not in interactions.frame.columns and names == [""]:
            kept = kept.drop("event")
        if (kept["role"] == Role.TARGET).all() and (kept["weight"] == 1).all():
            kept = kept.drop("role", "weight")  # nothing to tell apart
        return interactions.with_frame(kept), facts

    def _resolved(self, frame: pl.DataFrame) -> tuple[pl.Expr, pl.Expr]:
        """Return expressions for the type and the role of each event."""
        event = pl.col("event").fill_null("") if "event" in frame.columns else pl.lit("")
        name = event
        role = pl.lit(int(Role.CONTEXT if self.targets else Role.TARGET))
        for kind, rules in self._groups:
            names = [rule for rule in rules if condition_of(rule) is None]
            conditions = [c for rule in rules if (c := condition_of(rule)) is not None]
            by_name = event.is_in(names) | event.str.ends_with(f":{_suffix(kind)}")
            known = [c for c in conditions if set(c.columns) <= set(frame.columns)]
            fits = [c.expression(frame).fill_null(False) for c in known]
            by_value = pl.any_horizontal(*fits) if fits else pl.lit(False)
            role = pl.when(by_name | by_value).then(pl.lit(int(kind))).otherwise(role)
            marked = pl.concat_str([event, pl.lit(f":{_suffix(kind)}")]).str.strip_chars_start(":")
            # A type that fits by its name keeps it, whatever an earlier rule has made of it.
            name = pl.when(by_name).then(event).when(by_value).then(marked).otherwise(name)
        return name, role.cast(pl.Int8)

    def _check(self, kept: pl.DataFrame, before: pl.DataFrame) -> None:
        self._check_columns(before)
        types = sorted(before["event"].unique().to_list())
        named = {rule for rule in (*self.targets, *self.weights) if condition_of(rule) is None}
        if unknown := sorted(named - set(types)):
            raise ValueError(
                f"targets and weights name the event types {unknown}"
                f"{did_you_mean(unknown[0], types)}; got {types}"
            )
        given = [*(self.negative or ()), *(self.shown or ()), *self.ignored]
        for rule in given:
            if condition_of(rule) is None and rule not in types:
                meant = did_you_mean(rule, types)
                log.warning("no event has the type %r%s; the log has %s", rule, meant, types)
        if not (kept["role"] == Role.TARGET).any():
            raise ValueError(f"no event is a target: targets are {list(self.targets)}; got {types}")

    def _check_columns(self, frame: pl.DataFrame) -> None:
        if lacking := sorted(self.columns - set(frame.columns)):
            there = [c for c in frame.columns if c not in ("role", "weight")]
            raise ValueError(
                f"a rule of events reads the columns {lacking}{some_meant(lacking, there)}; "
                f"interactions have {there}"
            )

    def _facts(
        self, raw: pl.DataFrame, frame: pl.DataFrame, repeats: pl.DataFrame
    ) -> dict[str, Any]:
        def counts(rows: pl.DataFrame) -> dict[str, int]:
            found = rows["event"].value_counts(sort=True)
            return dict(zip(found["event"].to_list(), found["count"].to_list(), strict=True))

        roles = {
            role.name.lower(): found
            for role in Role
            if (found := counts(frame.filter(pl.col("role") == role)))
        }
        unused = [c for c in SIGNALS if c in raw.columns and c not in self.columns]
        given = "".join(f"{name!r}, " for name in self.negative or ())
        for name in unused:
            log.warning(
                "the column %s of the events is not used; a rule such as negative=(%s'%s < LOW',) "
                "or targets=('%s >= HIGH',) gives it a meaning",
                *(name, given, name, name),
            )
        guessed = {
            role.name.lower(): types
            for role, names in self.usual_types.items()
            if (types := sorted({*names} & {*counts(frame.filter(pl.col("role") == role))}))
        }
        for role_name, types in guessed.items():
            log.warning("event types %s count as %s, by their names", types, role_name)
        liked = counts(frame.filter(pl.col("role") <= Role.TARGET))
        said = {*liked} if self.negative is not None and not self.negative else set()
        said |= {*self.targets, *self.weights, *(name for name in liked if ":" in name)}
        doubtful = {name: liked[name] for name in sound_negative(liked) if name not in said}
        for name, many in doubtful.items():
            log.warning(
                "event type %r (%s) sounds like a no and counts as a yes: negative=(%s%r,) makes "
                "it a no",
                *(name, counted(many, "event"), given, name),
            )
        return {
            "roles": roles,
            "dropped_repeats": counts(repeats),
            "unused_columns": unused,
            "guessed": guessed,
            "doubtful": doubtful,
        }


def _suffix(role: Role) -> str:
    return role.name.lower()
