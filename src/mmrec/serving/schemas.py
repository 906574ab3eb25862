"""The fields of requests and answers."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    SkipValidation,
    StrictInt,
    StrictStr,
    Tag,
    WithJsonSchema,
    model_validator,
)

from mmrec.realtime.log.events import check_time
from mmrec.serving.sentences import names_expected

INT64 = 2**63
MAX_EVENTS = 10_000
"""Events of one request."""


def _user_text(user: object) -> object:
    """Return an integer as its text."""
    return str(user) if isinstance(user, int) and not isinstance(user, bool) else user


def _of_64_bits(value: object) -> object:
    """Refuse an integer that no column can hold."""
    if isinstance(value, int) and not -INT64 <= value < INT64:
        raise ValueError(f"expected an integer of 64 bits; got {value.bit_length()} bits")
    return value


def checked_time(time: float) -> float:
    """Refuse a time that is not in seconds since 1970, before the year 2200."""
    try:
        check_time(time)
    except ValueError as error:  # the field has a name of its own, such as "at"
        raise ValueError(str(error).removeprefix("time: ")) from None
    return time


User = Annotated[
    Annotated[StrictStr, Field(min_length=1, max_length=256)],
    BeforeValidator(_user_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 256},
                {"type": "integer", "minimum": -INT64, "exclusiveMaximum": INT64},
            ],
            "title": "User",
            "description": "Any name for the user; an integer is the same user as its text.",
        }
    ),
]
Item = Annotated[
    Annotated[StrictStr, Field(min_length=1, max_length=1024)]
    | Annotated[StrictInt, Field(ge=-INT64, lt=INT64)],
    Field(description="An item's id, as in the catalogue."),
]
Text = Annotated[StrictStr, Field(min_length=1, max_length=256)]
Note = Annotated[
    str | None,
    Field(
        description="How many events have types that were not in training, lack the columns that "
        "conditions on events read, or are later than the clock of the service; and which."
    ),
]
Time = Annotated[float, Field(strict=True, allow_inf_nan=False), AfterValidator(checked_time)]
Value = str | int | FiniteFloat | bool | None
Row = dict[str, Annotated[Value | list[FiniteFloat] | list[str], BeforeValidator(_of_64_bits)]]
Values = Annotated[
    dict[str, Annotated[Value, BeforeValidator(_of_64_bits)]],
    Field(
        max_length=20,
        description="Columns of the event that conditions on events read, and no others; null says "
        "that there is no value.",
    ),
]


TYPE, TIME = AliasChoices("event_type", "event"), AliasChoices("time", "timestamp")
"""Fields of events, which may have the names of the columns of a training."""

GivenItem = Annotated[Item, Field(validation_alias=AliasChoices("item", "item_id"))]


def _names_of(name: str, model: type[BaseModel]) -> list[str]:
    """Return the names that a field may have in a request, ours first."""
    alias = model.model_fields[name].validation_alias
    return [str(one) for one in alias.choices] if isinstance(alias, AliasChoices) else [name]


def _describe_names(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Say in the description of each field which other names it may have."""
    for name, described in schema.get("properties", {}).items():
        if others := _names_of(name, model)[1:]:
            said = f"Also named {' or '.join(f'`{other}`' for other in others)}."
            described["description"] = f"{described.get('description', '')} {said}".strip()


def refuse_unknown(model: type[BaseModel], values: object) -> None:
    """Refuse fields that a model doesn't have, and name the one that may be meant.

    Example:
        >>> refuse_unknown(ForgetRequest, {"usr": "ann"})
        Traceback (most recent call last):
        ...
        ValueError: expected the fields user; got 'usr' (did you mean 'user'?)
    """
    if not isinstance(values, dict):
        return
    fields, known = model.model_fields, set[str]()
    for name in fields:
        names = _names_of(name, model)
        if len(given := [one for one in names if one in values]) > 1:
            raise ValueError(f"expected one of the fields {', '.join(names)}; got {len(given)}")
        known.update(names)
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ValueError(names_expected("fields", unknown, [*fields]))


class _Strict(BaseModel):
    """A request in which unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_describe_names)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        refuse_unknown(cls, values)
        return values


class Observation(_Strict):
    """An event to observe."""

    user: Annotated[User, Field(validation_alias=AliasChoices("user", "user_id"))]
    item: GivenItem
    event_type: Annotated[Text, Field(description="What happened.", validation_alias=TYPE)] = "view"
    id: Annotated[
        Text | None, Field(description="A name for the event: sent twice, it counts once.")
    ] = None
    time: Annotated[
        Time | None, Field(description="Unix seconds; now by default.", validation_alias=TIME)
    ] = None
    values: Values = {}


class Observations(_Strict):
    """Events to observe, all or none."""

    # Each is checked with the catalogue at hand, so that one answer names all that are invalid.
    events: Annotated[list[SkipValidation[Observation]], Field(min_length=1, max_length=MAX_EVENTS)]


class Offsets(BaseModel):
    """The places of the events in the log. The events are durable."""

    offsets: list[int]
    known: Annotated[int, Field(description="How many of them the log had already, by their id.")]
    note: Note = None


class InvalidEvent(BaseModel):
    """An event that was refused."""

    index: Annotated[int, Field(description="Its position in the request, from 0.")]
    reason: str


class InvalidBatch(BaseModel):
    """Why a batch of events was refused; none was stored."""

    detail: str
    events: Annotated[list[InvalidEvent] | None, Field(description="All that are invalid.")] = None


class Offset(BaseModel):
    """The place of the event in the log. The event is durable."""

    offset: int
    note: Note = None


class PastEvent(_Strict):
    """An event of a history."""

    item: GivenItem
    event_type: Annotated[
        Text | None,
        Field(
            description="What happened; an event of unknown type is read, and never as a no.",
            validation_alias=TYPE,
        ),
    ] = None
    time: Annotated[
        Time | None,
        Field(description="Unix seconds; all or none have one.", validation_alias=TIME),
    ] = None
    values: Values = {}


def _kind_of_past(past: object) -> str:
    """Return what stands in a history, so that an error is about that alone."""
    return "an event" if isinstance(past, dict | PastEvent) else "an item"


class ListRequest(_Strict):
    """What to recommend, and to whom: a user or a history."""

    user: User | None = None
    history: Annotated[
        list[
            Annotated[
                Annotated[Item, Tag("an item")] | Annotated[PastEvent, Tag("an event")],
                Discriminator(_kind_of_past),
            ]
        ]
        | None,
        Field(max_length=MAX_EVENTS, description="Items or events, oldest first."),
    ] = None
    k: Annotated[int, Field(ge=1, le=INT64 - 1)] = 10
    at: Annotated[
        Time | None, Field(description="Time of the request in unix seconds; now by default.")
    ] = None
    exclude_seen: Annotated[
        bool | list[Text],
        Field(
            description="Whether items of the history are left out, or after which event types; "
            "what the user said no to is left out in any case."
        ),
    ] = True
    exclude: Annotated[list[Item], Field(max_length=MAX_EVENTS)] = []
    where: str | dict[str, Any] | list[str | dict[str, Any]] | None = None
    at_most: Annotated[
        dict[str, Annotated[StrictInt, Field(ge=1, le=INT64 - 1)]] | None,
        Field(
            max_length=10,
            description='How many items may have the same value, by column: {"author": 2}.',
        ),
    ] = None


class Line(BaseModel):
    """One recommended item."""

    item: str | int
    score: float
    title: str | None
    reason: Annotated[
        str,
        Field(
            description="interest; popularity for a user without features who has said nothing but "
            "no; similarity for items like one."
        ),
    ]
    image: Annotated[str | None, Field(description="Path of its image on this server.")]


class Recommendations(BaseModel):
    """Items, the best first."""

    items: list[Line]
    model: Annotated[str, Field(description="The version of the model that answered.")]


class Similar(Recommendations):
    """The items that are most like an item."""

    note: Annotated[
        str | None,
        Field(description="If there are none: what the item lacks that the model reads."),
    ] = None


class Past(BaseModel):
    """An event of a user."""

    item: str | int
    title: str | None
    event_type: Annotated[
        str,
        Field(description="As it counts: watch:negative for a watch that a condition made a no."),
    ]
    time: Annotated[float, Field(description="Unix seconds.")]
    offset: int
    values: Annotated[
        dict[str, Value],
        Field(description="Columns of the event that conditions read, as they were sent."),
    ]
    image: str | None


class History(BaseModel):
    """A user's last events, oldest first."""

    items: list[Past]


class Explained(BaseModel):
    """The terms of a score, and how much it falls without each past item and each modality."""

    item: str | int
    score: float
    terms: Annotated[
        dict[str, float], Field(description="They sum to the score; none where there is a rule.")
    ]
    history: list[dict[str, Any]]
    modalities: dict[str, float]
    rule: Annotated[
        str | None,
        Field(
            description="By which rule a user without features, who has said nothing but no, gets "
            "popular items; the score is then the popularity that the list shows."
        ),
    ] = None


class Rows(_Strict):
    """Items: ``item_id`` and columns of the catalogue."""

    items: Annotated[list[Row], Field(min_length=1, max_length=10_000)]
    images: Annotated[
        dict[str, StrictStr],
        Field(description="Base64 of a JPEG, PNG, WebP or GIF for items of this request, by id."),
    ] = {}


class Ids(_Strict):
    """Items by id."""

    items: Annotated[list[Item], Field(min_length=1, max_length=10_000)]


class Changed(BaseModel):
    """The ids that were changed."""

    items: list[str | int]
    note: Annotated[
        str | None,
        Field(
            description="How many of them lack a text, an image and so on, are left out of lists "
            "by the server's rule, or have values that can't be."
        ),
    ] = None


class ForgetRequest(_Strict):
    """The user to forget."""

    user: User


class MergeRequest(_Strict):
    """Two users who are one."""

    source: Annotated[User, Field(description="The user whose events are moved.")]
    target: Annotated[User, Field(description="The user who gets them.")]


class Merged(BaseModel):
    """How many events were moved."""

    events: int


class Forgotten(BaseModel):
    """How many events were removed."""

    events: int


class Health(BaseModel):
    """The state of the service."""

    status: str
    model: str
    items: Annotated[int, Field(description="Items that are not removed.")]
    offset: Annotated[int, Field(description="The last event of the log.")]
    sessions: int


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str
