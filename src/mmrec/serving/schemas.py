"""The fields of requests and answers."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StrictInt, StrictStr

INT64 = 2**63
User = Annotated[
    StrictStr,
    Field(min_length=1, max_length=256, description="Any name for the user."),
]
Item = Annotated[
    Annotated[StrictStr, Field(min_length=1, max_length=1024)]
    | Annotated[StrictInt, Field(ge=-INT64, lt=INT64)],
    Field(description="An item's id, as in the catalogue."),
]
Text = Annotated[StrictStr, Field(min_length=1, max_length=256)]
Value = str | int | FiniteFloat | bool | None
Row = dict[str, Value | list[FiniteFloat] | list[str]]


class _Strict(BaseModel):
    """A request in which unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Observation(_Strict):
    """An event to observe."""

    user: User
    item: Item
    event_type: Annotated[Text, Field(description="What happened.")] = "view"
    id: Annotated[
        Text | None, Field(description="A name for the event: sent twice, it counts once.")
    ] = None
    time: Annotated[
        float | None, Field(allow_inf_nan=False, description="Unix seconds; now by default.")
    ] = None


class Offset(BaseModel):
    """The place of the event in the log. The event is durable."""

    offset: int


class Line(BaseModel):
    """One recommended item."""

    item: str | int
    score: float
    title: str | None
    reason: str
    image: Annotated[str | None, Field(description="Path of its image on this server.")]


class Recommendations(BaseModel):
    """Items, the best first."""

    items: list[Line]
    model: Annotated[str, Field(description="The version of the model that answered.")]


class Past(BaseModel):
    """An event of a user."""

    item: str | int
    title: str | None
    event_type: str
    time: float
    offset: int
    image: str | None


class History(BaseModel):
    """A user's last events, oldest first."""

    items: list[Past]


class Explained(BaseModel):
    """How much the score falls without each past item, and without each modality."""

    item: str | int
    score: float
    history: list[dict[str, Any]]
    modalities: dict[str, float]


class Rows(_Strict):
    """Items: ``item_id`` and columns of the catalogue."""

    items: Annotated[list[Row], Field(min_length=1, max_length=10_000)]
    images: Annotated[
        dict[str, StrictStr],
        Field(description="Base64 of a JPEG, PNG or WebP for items of this request, by id."),
    ] = {}


class Ids(_Strict):
    """Items by id."""

    items: Annotated[list[Item], Field(min_length=1, max_length=10_000)]


class Changed(BaseModel):
    """The ids that were changed."""

    items: list[str | int]


class ForgetRequest(_Strict):
    """The user to forget."""

    user: User


class Forgotten(BaseModel):
    """How many events were removed."""

    events: int


class Health(BaseModel):
    """The state of the service."""

    status: str
    model: str
    items: int
    offset: Annotated[int, Field(description="The last event of the log.")]
    sessions: int


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str
