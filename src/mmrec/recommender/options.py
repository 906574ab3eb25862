"""The options of a recommender, in groups: numbers and choices.

Encoders, fusion, interest model, scorer, loss and negatives are not options but parts, see
:mod:`mmrec.recommender.parts`.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args, get_origin

import numpy as np
from annotated_types import Ge, Le
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

if TYPE_CHECKING:  # options load no torch
    from mmrec.data import EventRules

LARGE = 10**9
PARTS = (
    "encoders",
    "fusion",
    "interest",
    "request",
    "scorer",
    "reranker",
    "loss",
    "negatives",
)
"""Names of the parts, which are arguments of :meth:`Recommender.fit`, not options."""


def _plain(value: Any) -> Any:
    """Return a NumPy number as a Python number, and other values as they are."""
    return value.item() if isinstance(value, np.generic) else value


def _names(value: Any) -> Any:
    """Return modalities as a tuple; text is split at commas."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return tuple(name.strip() for name in value)
    return value


def _features(value: Any) -> Any:
    """Return features of users as a tuple; ``none`` names no feature."""
    return () if value == "none" else _names(value)


def _rules(value: Any) -> Any:
    """Return rules of events as a tuple; text is split at commas outside of parentheses."""
    if isinstance(value, str):
        value = re.split(r",(?![^(]*\))", value)
    if isinstance(value, list | tuple) and all(isinstance(rule, str) for rule in value):
        return tuple(rule.strip() for rule in value if rule.strip())
    return value


def _weights(value: Any) -> Any:
    """Return weights by event type; text is read as ``type=weight`` between commas."""
    if isinstance(value, str):
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        try:
            return {name.strip(): float(number) for name, _, number in pairs}
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {name: float(_plain(weight)) for name, weight in value.items()}
    return value


Count = Annotated[int, BeforeValidator(_plain), Ge(1), Le(LARGE)]
Share = Annotated[float, BeforeValidator(_plain), Ge(0.0), Le(0.99)]
Rate = Annotated[float, BeforeValidator(_plain), Ge(1e-9), Le(10.0)]
Rules = Annotated[tuple[str, ...], BeforeValidator(_rules)]
Weights = Annotated[dict[str, float], BeforeValidator(_weights)]


class _Group(BaseModel):
    """Frozen, typed options; a wrong value is a ``ValueError`` of one sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ValueError(_sentence(type(self), error)) from None


class DataOptions(_Group):
    """Which events are used, and how they are split."""

    split: Literal["time", "leave-one-out"] = Field(
        "time", description="How events are divided into training, validation and test."
    )
    min_count: Annotated[int, BeforeValidator(_plain), Ge(0), Le(LARGE)] = Field(
        0, description="k-core filter: users and items with fewer events are not trained on."
    )
    drop_repeats: bool = Field(
        True, description="Count successive events of one type on the same item once."
    )
    targets: Rules = Field(
        (),
        description="What is predicted: event types, or conditions on the columns of events, such "
        "as 'purchase, rating >= 4'; the rest is context. By default, every event that no other "
        "rule fits.",
    )
    negative: Rules | None = Field(
        None,
        description="What says no, as for targets, beside hide, skip, dislike and the like.",
    )
    shown: Rules | None = Field(
        None,
        description="What was shown and not chosen, as for targets, beside impression and "
        "not_clicked.",
    )
    ignored: Rules = Field((), description="Events that are left out, as for targets.")
    event_weights: Weights = Field(
        {},
        description="Weights of event types in the loss, such as 'purchase=1, view=0.1'; by "
        "default 1 for targets and 0 for context.",
    )
    max_length: Count = Field(
        200,
        description="Events of a history that are trained on at once; attention reads no more.",
    )

    @property
    def event_rules(self) -> "EventRules":
        """What events mean."""
        from mmrec.data import EventRules

        return EventRules(
            targets=self.targets,
            negative=self.negative,
            shown=self.shown,
            ignored=self.ignored,
            weights=self.event_weights,
            drop_repeats=self.drop_repeats,
        )


class ContentOptions(_Group):
    """Which modalities of an item are encoded, and how."""

    modalities: Annotated[tuple[str, ...] | None, BeforeValidator(_names)] = Field(
        None,
        description="Modalities of an item, separated by commas: id, text, image, category, "
        "number, side, vectors, semantic, graph, or with columns, such as text:title, "
        "number:price+year, side:year, side:brand, semantic:text, graph:text or "
        "clip=vectors:clip.parquet. By default id, text and image, as far as items have them, and "
        "side for the usual columns of numbers and values.",
    )
    user_features: Annotated[tuple[str, ...] | None, BeforeValidator(_features)] = Field(
        None,
        description="Features of users, separated by commas, such as category:gender+occupation or "
        "number:age, or none. By default all columns of the table of users that look like one.",
    )
    text_template: str | None = Field(
        None,
        description="Template that joins columns to one text, such as '{title}. {brand}'; by "
        "default the usual text columns that exist.",
    )
    text_length: Annotated[Annotated[int, Ge(1), Le(LARGE)] | None, BeforeValidator(_plain)] = (
        Field(
            None,
            description="Tokens of a text that are read; by default 128, or fewer if the text "
            "model has fewer.",
        )
    )
    pooling: Literal["auto", "mean", "cls", "max", "last", "attention"] = Field(
        "auto",
        description="How token vectors become one text vector; auto: as the model was trained.",
    )
    category_buckets: Annotated[int, BeforeValidator(_plain), Ge(0), Le(LARGE)] = Field(
        0,
        description="Vectors that categories of no trained item share, by a hash; 0 ignores such "
        "categories.",
    )
    tuning: Annotated[
        str, Field(pattern=r"^(frozen|full|last-[1-9][0-9]*|lora(-[1-9][0-9]*)?)$")
    ] = Field(
        "frozen",
        description="What is trained of text and image models: 'frozen', 'last-N' (layers), 'lora' "
        "(adapters, with a larger encoder_lr such as 2e-4) or 'full'.",
    )
    hidden_cache: Literal["auto", "off", "float32", "float16"] = Field(
        "auto",
        description="With tuning 'last-N', run the frozen layers once and keep their output: of "
        "texts, which changes no result (auto); never (off); or of images too, which are then not "
        "changed at random in training (float32, or float16 for half of the space).",
    )


class ModelOptions(_Group):
    """Sizes and inputs of the model, given to the parts that take them."""

    dim: Annotated[int, BeforeValidator(_plain), Ge(1), Le(65536)] = Field(
        128, description="Width of item vectors."
    )
    layers: Annotated[Annotated[int, Ge(1), Le(64)] | None, BeforeValidator(_plain)] = Field(
        None, description="Layers of the interest model; if unset, its own default."
    )
    dropout: Share = Field(
        0.4, description="Dropout probability of the interest model's input and output."
    )
    modality_dropout: Share = Field(
        0.1, description="Probability that an item is trained without one of its modalities."
    )
    time_gap: bool = Field(True, description="Use the time since the last event as an input.")
    event_types: bool | None = Field(
        None,
        description="Use the type of an event as an input; by default, if there are two or more, "
        "or if some events are not predicted.",
    )
    trend: bool = Field(
        True,
        description="Rank by what is popular now and by the age of items too, if that helps on "
        "validation.",
    )
    affinities: bool = Field(
        True,
        description="Add to the score how near an item's content is to the last items, and how "
        "often the same users took both, if that helps on validation.",
    )
    new_item_cost: Share = Field(
        0.02,
        description="Share of NDCG@10 that other items may lose, so that items without events are "
        "found; measured on validation.",
    )
    keep_reranker: bool = Field(
        False, description="Keep a reranker even if it does not help on validation."
    )
    request_time: bool = Field(
        True, description="Use the time from the last event to the request as an input."
    )


class TrainingOptions(_Group):
    """How the model is trained."""

    pool_size: Annotated[Annotated[int, Ge(1), Le(LARGE)] | None, BeforeValidator(_plain)] = Field(
        None,
        description="Negatives that are drawn for a batch; by default 2,048, or 512 if text or "
        "image models are trained, which encode them.",
    )
    batch_size: Count = Field(32, description="Windows in a batch.")
    max_items: Count = Field(
        256, description="Maximum number of unique items in a batch, if encoders are trained."
    )
    max_valid: Count = Field(
        2000,
        description="Maximum number of validation events that choose the epoch; a fixed draw.",
    )
    epochs: Count = Field(40, description="Maximum number of epochs.")
    patience: Count = Field(
        8, description="Epochs without a better validation NDCG@10 before training stops."
    )
    lr: Annotated[Annotated[float, Ge(1e-9), Le(10.0)] | None, BeforeValidator(_plain)] = Field(
        None,
        description="Learning rate; by default .003, or down to .001 if a batch has fewer than "
        "1,000 targets.",
    )
    encoder_lr: Rate = Field(2e-5, description="Learning rate of text and image models.")
    weight_decay: Annotated[float, BeforeValidator(_plain), Ge(0.0), Le(10.0)] = Field(
        0.01, description="Decoupled weight decay (AdamW)."
    )
    ema: Annotated[float, BeforeValidator(_plain), Ge(0.0), Le(0.999999)] = Field(
        0.98,
        description="Decay of the moving average of the weights that is validated and kept; 0 for "
        "no average.",
    )
    refit: Literal["none", "valid", "all"] = Field(
        "all",
        description="What the model trains on anew, for as many steps, once validation has chosen "
        "the epoch: nothing (none); training and validation events (valid), with the test figures "
        "of that model; or after that on all events (all), with that model kept.",
    )


class PrivacyOptions(_Group):
    """Differential privacy of users, see :func:`mmrec.training.train_privately`."""

    epsilon: Annotated[Annotated[float, Ge(0.01), Le(1000.0)] | None, BeforeValidator(_plain)] = (
        Field(None, description="Privacy budget; without it, training is not private.")
    )
    delta: Annotated[Annotated[float, Ge(1e-15), Le(0.1)] | None, BeforeValidator(_plain)] = Field(
        None,
        description="Probability that the guarantee of epsilon fails; by default 0.1 / number of "
        "users.",
    )
    max_grad_norm: Annotated[float, BeforeValidator(_plain), Ge(1e-6), Le(1e6)] = Field(
        1.0, description="Norm to which each user's gradient is clipped, if epsilon is set."
    )


class RuntimeOptions(_Group):
    """Hardware, number format and seed."""

    precision: Literal["32-true", "32", "bf16-mixed", "16-mixed"] = Field(
        "32-true", description="Number format of training."
    )
    devices: Annotated[int, Ge(1), Le(LARGE)] | Annotated[Literal["auto"], "auto"] = Field(
        "auto", description="Number of devices, or auto."
    )
    workers: Annotated[int, BeforeValidator(_plain), Ge(0), Le(1024)] = Field(
        0, description="Processes that load batches."
    )
    seed: Annotated[int, BeforeValidator(_plain), Ge(0), Le(2**32 - 1)] = Field(
        0, description="Seed of all random draws."
    )


class Options(
    DataOptions, ContentOptions, ModelOptions, TrainingOptions, PrivacyOptions, RuntimeOptions
):
    """Options of :meth:`Recommender.fit`: all groups in one, with the defaults of ``mmrec fit``.

    Functions that need one group are annotated with it; they take :class:`Options`, too.

    Raises:
        ValueError: an option is unknown, a value is out of range or of the wrong type, or a rule of
            events can't be read.

    Example:
        >>> Options(modalities="text, image", tuning="last-2").modalities
        ('text', 'image')
        >>> Options(epochs=0)
        Traceback (most recent call last):
        ...
        ValueError: epochs must be a whole number from 1 to 1000000000; got 0
    """

    groups: ClassVar[dict[str, type[_Group]]] = {
        "data": DataOptions,
        "content": ContentOptions,
        "model": ModelOptions,
        "training": TrainingOptions,
        "privacy": PrivacyOptions,
        "runtime": RuntimeOptions,
    }

    def __init__(self, **values: Any) -> None:
        if "devices" in values:
            values["devices"] = _plain(values["devices"])
        super().__init__(**values)
        names = self.modalities
        if names is not None and (not names or len(set(names)) < len(names)):
            raise ValueError(f"modalities must be one or more different names; got {list(names)}")
        if self.targets or self.negative or self.shown or self.ignored or self.event_weights:
            _ = self.event_rules  # it reads each rule

    def replace(self, **changes: Any) -> "Options":
        """Return options with some values changed, and check them.

        Example:
            >>> Options(epochs=3).replace(lr=0.1).epochs
            3
        """
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**(given | changes))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, by group.

        Example:
            >>> Options(seed=3).to_dict()["runtime"]["seed"]
            3
        """
        return {
            name: self.model_dump(mode="json", include=set(group.model_fields))
            for name, group in self.groups.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Options":
        """Return the options that :meth:`to_dict` returned.

        Raises:
            ValueError: a group or an option is unknown to this version.
        """
        flat: dict[str, Any] = {}
        for name, group in values.items():
            if name not in cls.groups or not isinstance(group, Mapping):
                raise ValueError(f"options {[name]} are unknown to this version of mmrec")
            unknown = sorted(set(group) - set(cls.groups[name].model_fields))
            if unknown:
                raise ValueError(f"options {unknown} are unknown to this version of mmrec")
            flat |= group
        return cls(**flat)


def checked_options(options: object) -> Options:
    """Return options as they are, and the defaults for None.

    Raises:
        ValueError: ``options`` is something else.
    """
    if options is None:
        return Options()
    if not isinstance(options, Options):
        raise ValueError(f"options must be mmrec.Options(...); got {options!r}")
    return options


def _sentence(group: type[BaseModel], error: ValidationError) -> str:
    """Turn the first error of a validation into one sentence."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    if name in PARTS:
        return f"{name} is a part, not an option: give it to Recommender.fit beside the options"
    if name not in group.model_fields:
        return f"options must be among {list(group.model_fields)}; got {name!r}"
    return f"{name} must be {_expected(name, group.model_fields[name])}; got {first['input']!r}"


def _expected(name: str, field: FieldInfo) -> str:
    """Return what values a field takes, for an error."""
    if name == "tuning":
        return "'frozen', 'last-N', 'lora', 'lora-R' or 'full'"
    if name == "devices":
        return "1 or more, or 'auto'"
    if name in ("targets", "negative", "shown", "ignored"):
        return "event types or conditions in a tuple, or in a text with commas"
    if name == "event_weights":
        return "numbers by event type, or a text such as 'purchase=1, view=0.1'"
    if name in ("modalities", "user_features"):
        return "names in a tuple, or in a text with commas"
    kinds, limits = list(get_args(field.annotation) or (field.annotation,)), list(field.metadata)
    if get_origin(field.annotation) is Literal:
        return f"one of {kinds}"
    for kind in [k for k in kinds if get_origin(k) is Annotated]:  # of an optional number
        kinds += get_args(kind)[:1]
        limits += get_args(kind)[1:]
    if bool in kinds:
        return "True or False"
    bounds = [m.ge if isinstance(m, Ge) else m.le for m in limits if isinstance(m, Ge | Le)]
    if not bounds:
        return "text"
    number = "a whole number" if int in kinds else "a number"
    return f"{number} from {bounds[0]} to {bounds[1]}"
