"""What a recommender is made with: everything that a run needs to be repeated."""

import numbers
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

MODALITIES = ("id", "text", "image")
CHOICES = {
    "fusion": ("concat", "attention", "siamese"),
    "interest": ("gru", "sasrec", "lru"),
    "scorer": ("dot", "mlp"),
    "loss": ("softmax", "bpr", "bce"),
    "negatives": ("auto", "full", "in-batch", "popularity", "uniform"),
    "split": ("time", "leave-one-out"),
    "pooling": ("mean", "cls", "max", "attention"),
    "precision": ("32-true", "32", "bf16-mixed", "16-mixed"),
}
TUNING = re.compile(r"frozen|full|last-[1-9][0-9]*")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of :meth:`Recommender.fit`, checked; their defaults are those of ``mmrec fit``.

    Attributes:
        modalities: what is known of an item: ``"id"``, ``"text"``, ``"image"``; a text with commas
            becomes a tuple.
        text_encoder: Hugging Face name or path of a text model.
        image_encoder: timm name of an image model.
        text_template: joins columns to one text; by default the usual ones that are there.
        pooling: how token vectors become one: mean, cls, max or attention.
        tuning: how text and image models learn: ``"frozen"``, ``"last-N"`` or ``"full"``.
        fusion: how modalities become one vector: concat, attention or siamese.
        interest: how a history becomes an interest: gru, sasrec (self-attention over the last
            ``max_length`` events) or lru (a linear recurrence).
        scorer: ``"dot"`` retrieves; ``"mlp"`` also ranks the short list that dot retrieves.
        loss: softmax, bpr or bce.
        negatives: what a target is compared with: full (every trained item), in-batch, popularity
            or uniform; auto is in-batch where text or image models are trained, else full up
            to 1,000 trained items, else popularity.
        pool_size: how many negatives are drawn for a batch.
        split: time or leave-one-out.
        min_count: k-core filter: users and items with fewer events don't train.
        dim: width of item vectors and interest.
        layers: layers of the interest model; by default 1 of gru, 2 of the others.
        dropout: share of the interest model's input and output that is dropped in training.
        modality_dropout: probability that an item trains without one of its modalities.
        time_gap: whether the time since the last event is an input.
        event_types: whether the type of an event is an input.
        drop_repeats: whether successive events on one item count once.
        max_length: events of a history that count.
        batch_size: windows in a batch.
        max_items: unique items of a batch, where text or image models are trained.
        max_valid: validation events that choose the best epoch, a fixed draw of them all.
        epochs: upper limit of epochs.
        patience: epochs without a better validation NDCG@10 before training stops.
        lr: learning rate.
        encoder_lr: learning rate of text and image models.
        weight_decay: decoupled decay of the weights (AdamW).
        ema: decay of the moving average of the weights, which is what is validated and kept;
            0 keeps the weights themselves.
        alignment: weight of the alignment loss, for siamese fusion.
        epsilon: trains with differential privacy of users to this budget, see
            :func:`mmrec.training.train_privately`; None trains without. Ids, popularity as
            negatives and the choice of the best epoch are left out there.
        delta: chance that the promise of ``epsilon`` fails; by default a tenth of one over the
            number of users.
        max_grad_norm: length to which a user's gradient is clipped, with ``epsilon``.
        precision: numbers that the trainer computes with: 32-true, bf16-mixed or 16-mixed.
        devices: number of devices, or auto.
        workers: processes that load batches.
        seed: decides everything random.

    Example:
        >>> Options(modalities=("text", "image"), tuning="last-2").modalities
        ('text', 'image')
    """

    modalities: tuple[str, ...] = MODALITIES
    text_encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    image_encoder: str = "tf_efficientnet_lite0"
    text_template: str | None = None
    pooling: str = "mean"
    tuning: str = "frozen"
    fusion: str = "concat"
    interest: str = "gru"
    scorer: str = "dot"
    loss: str = "softmax"
    negatives: str = "auto"
    pool_size: int = 512
    split: str = "time"
    min_count: int = 0
    dim: int = 128
    layers: int | None = None
    dropout: float = 0.4
    modality_dropout: float = 0.1
    time_gap: bool = True
    event_types: bool = False
    drop_repeats: bool = True
    max_length: int = 200
    batch_size: int = 32
    max_items: int = 256
    max_valid: int = 2000
    epochs: int = 40
    patience: int = 8
    lr: float = 3e-3
    encoder_lr: float = 2e-5
    weight_decay: float = 0.01
    ema: float = 0.98
    alignment: float = 0.1
    epsilon: float | None = None
    delta: float | None = None
    max_grad_norm: float = 1.0
    precision: str = "32-true"
    devices: int | str = "auto"
    workers: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        given: Any = self.modalities
        if isinstance(given, str):
            given = (name.strip() for name in given.split(","))
        object.__setattr__(self, "modalities", tuple(given))
        unknown = [name for name in self.modalities if name not in MODALITIES]
        if unknown or not self.modalities or len(set(self.modalities)) < len(self.modalities):
            raise ValueError(
                f"modalities must be different ones of {list(MODALITIES)}; "
                f"got {list(self.modalities)}"
            )
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {list(allowed)}; got {getattr(self, name)!r}"
                )
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            whole = isinstance(low, int)
            if not _is_number(value, whole) or not low <= value <= high:
                kind = "a whole number" if whole else "a number"
                raise ValueError(f"{name} must be {kind} from {low} to {high}; got {value!r}")
            object.__setattr__(self, name, int(value) if whole else float(value))
        if not TUNING.fullmatch(str(self.tuning)):
            raise ValueError(f"tuning must be 'frozen', 'last-N' or 'full'; got {self.tuning!r}")
        some = _is_number(self.devices, True) and int(self.devices) > 0
        if self.devices != "auto" and not some:
            raise ValueError(f"devices must be 1 or more, or 'auto'; got {self.devices!r}")
        if some:
            object.__setattr__(self, "devices", int(self.devices))
        if self.interest == "sasrec" and self.dim % 2:
            raise ValueError(f"dim must be even for the two heads of sasrec; got {self.dim}")

    @property
    def trains_encoders(self) -> bool:
        """Whether text or image models learn."""
        return self.tuning != "frozen" and self.modalities != ("id",)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"modalities": list(self.modalities)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Options":
        """Return the options that ``to_dict`` gave.

        Raises:
            ValueError: there is an option that this version doesn't know.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"options {unknown} are unknown to this version of mmrec")
        modalities = tuple(values.get("modalities", MODALITIES))
        return cls(**{**values, "modalities": modalities})


def _is_number(value: object, whole: bool) -> bool:
    kind = numbers.Integral if whole else numbers.Real
    return isinstance(value, kind) and not isinstance(value, bool)


_LARGE = 10**9
_OPTIONAL = ("layers", "epsilon", "delta")
# An option whose bounds are whole numbers is one.
_RANGES: tuple[tuple[str, float, float], ...] = (
    ("pool_size", 1, _LARGE),
    ("min_count", 0, _LARGE),
    ("dim", 1, 65536),
    ("layers", 1, 64),
    ("dropout", 0.0, 0.99),
    ("modality_dropout", 0.0, 0.99),
    ("max_length", 1, _LARGE),
    ("batch_size", 1, _LARGE),
    ("max_items", 1, _LARGE),
    ("max_valid", 1, _LARGE),
    ("epochs", 1, _LARGE),
    ("patience", 1, _LARGE),
    ("lr", 1e-9, 10.0),
    ("encoder_lr", 1e-9, 10.0),
    ("weight_decay", 0.0, 10.0),
    ("ema", 0.0, 0.999999),
    ("alignment", 0.0, 1000.0),
    ("epsilon", 0.01, 1000.0),
    ("delta", 1e-15, 0.1),
    ("max_grad_norm", 1e-6, 1e6),
    ("workers", 0, 1024),
    ("seed", 0, 2**32 - 1),
)
