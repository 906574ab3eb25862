"""The space of a search: what may be searched, its usual values, and the text that states it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmrec.recommender.options import PARTS, Options


@dataclass(frozen=True)
class Range:
    """All numbers from ``low`` to ``high``, both included.

    Numbers are whole if the option's are. Those of ``LOGARITHMIC`` options are drawn evenly on
    a logarithmic scale, others evenly.

    Example:
        >>> print(Range(1e-4, 1e-2))
        0.0001..0.01
    """

    low: float | int
    high: float | int

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


Choices = tuple[Any, ...]
Dimension = Range | Choices
Space = dict[str, Dimension]

LOGARITHMIC = ("lr", "encoder_lr", "weight_decay", "dim", "pool_size", "batch_size", "max_length")

USUAL: dict[str, Dimension] = {
    "lr": Range(3e-4, 1e-2),
    "weight_decay": Range(1e-4, 0.3),
    "dropout": Range(0.0, 0.6),
    "modality_dropout": Range(0.0, 0.4),
    "dim": (64, 128, 256),
    "layers": (None, 1, 2, 3),
    "pool_size": (512, 1024, 2048, 4096),
    "ema": (0.0, 0.9, 0.98, 0.995),
    "interest": ("gru4rec", "sasrec", "lrurec"),
    "loss": ("softmax", "bpr"),
    "fusion": ("concat", "siamese", "attention", "gated", "bilinear", "experts", "film", "sum"),
    "negatives": ("full", "in-batch", "popularity", "uniform", "mixed"),
    "scorer": ("dot", "cosine", "bilinear"),
    "batch_size": (16, 32, 64, 128),
    "max_length": (50, 100, 200),
    "time_gap": (True, False),
    "event_types": (None, True, False),
    "request_time": (True, False),
    "pooling": ("auto", "mean", "cls", "max", "last", "attention"),
    "tuning": ("frozen", "last-1", "last-2", "full"),
    "encoder_lr": Range(1e-6, 1e-4),
}
"""What can be searched, with the values that a name alone stands for.

Options that decide which events are measured, or for how long is trained, aren't among them: their
trials could not be compared. Neither is a reranker: it changes nothing in a trial, and validation
decides on it afterwards.
"""

DEFAULT = tuple(USUAL)[:10]
"""What is searched if nothing is said: lr, weight_decay, …, interest and loss."""


def parse_space(texts: Iterable[str]) -> Space:
    """Return the space that some texts state.

    Args:
        texts: ``lr=1e-4..1e-2`` is a range, ``dropout=0.1,0.2`` are choices, ``lr`` alone stands
            for its usual values, ``layers=none,2`` has the default of the interest model too.

    Raises:
        ValueError: a text is neither, a name can't be searched, or a value is out of range.

    Example:
        >>> parse_space(["lr=1e-4..1e-2", "interest=gru4rec,sasrec", "ema"])
        {'lr': Range(low=0.0001, high=0.01), 'interest': ('gru4rec', 'sasrec'),
         'ema': (0.0, 0.9, 0.98, 0.995)}
    """
    space: Space = {}
    for text in texts:
        name, equals, values = (part.strip() for part in text.partition("="))
        name = name.replace("-", "_")
        if name in space:
            raise ValueError(f"{name} must be searched once; got it twice")
        space[name] = _parse(name, values) if equals else _usual(name)
    return check_space(space)


def check_space(space: Mapping[str, Any]) -> Space:
    """Check a space; return it with tuples for its choices.

    Raises:
        ValueError: a name can't be searched, or a value is out of range.

    Example:
        >>> check_space({"dropout": [0.1, 0.2]})
        {'dropout': (0.1, 0.2)}
        >>> check_space({"dropout": Range(0.1, 2)})
        Traceback (most recent call last):
        ...
        ValueError: dropout must be a number from 0.0 to 0.99; got 2
    """
    if not space:
        raise ValueError("a search needs one or more names; got an empty space")
    return {name: _checked(name, dimension) for name, dimension in space.items()}


def as_text(space: Mapping[str, Dimension]) -> dict[str, str]:
    """Return the values of each name as :func:`parse_space` reads them.

    Example:
        >>> as_text({"lr": Range(1e-4, 1e-2), "layers": (None, 2)})
        {'lr': '0.0001..0.01', 'layers': 'none,2'}
    """
    return {name: _words(values) for name, values in space.items()}


def _checked(name: str, values: Any) -> Dimension:
    usual = _usual(name)
    if not isinstance(values, Range):
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ValueError(f"{name} must be a Range or a list of choices; got {values!r}")
        choices = tuple(values)
        if not choices or len({repr(value) for value in choices}) < len(choices):
            raise ValueError(f"{name} must have one or more different choices; got {list(choices)}")
        for value in choices:
            _check_value(name, value)
        return choices
    numbers = (usual.low, usual.high) if isinstance(usual, Range) else usual
    if any(isinstance(n, str | bool) for n in numbers):
        raise ValueError(f"{name} must be choices such as {name}={_words(usual)}; got {values}")
    for value in (values.low, values.high):
        _check_value(name, value)
    if not values.low < values.high:
        raise ValueError(f"{name} must be a range from a lower to a higher number; got {values}")
    if name in LOGARITHMIC and values.low <= 0:
        raise ValueError(f"{name} must be above 0, as its scale is logarithmic; got {values}")
    whole = any(isinstance(number, int) for number in numbers)
    return values if whole else Range(float(values.low), float(values.high))


def _check_value(name: str, value: Any) -> None:
    """Raise a ValueError if an option or a slot can't have a value."""
    if name not in PARTS:
        Options(**{name: value})
        return
    if value is None or isinstance(value, str):
        from mmrec.recommender.parts import SLOTS

        if value is not None:
            SLOTS[name].factory(value)
            return
        if SLOTS[name].default is None:
            return
    raise ValueError(f"{name} must be short names or class paths in a search; got {value!r}")


def _usual(name: str) -> Dimension:
    if name not in USUAL:
        raise ValueError(f"a search must be over names among {list(USUAL)}; got {name!r}")
    return USUAL[name]


def _parse(name: str, text: str) -> Dimension:
    usual = _usual(name)
    words = [word.strip() for word in text.split(",")]
    if "" in words:
        raise ValueError(
            f"{name} must be a range such as LOW..HIGH or choices such as {_words(usual)}; got "
            f"{text!r}"
        )
    if ".." not in text:
        return tuple(_value(word) for word in words)
    low, high = (_value(end.strip()) for end in text.split("..", 1))
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in (low, high)):
        raise ValueError(f"{name} must be a range of two numbers, LOW..HIGH; got {text!r}")
    return Range(low, high)


WORDS = {"none": None, "true": True, "false": False}


def _value(word: str) -> Any:
    """Return a word as what it looks like: a number, true, false, none or text."""
    if word.lower() in WORDS:
        return WORDS[word.lower()]
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return word


def _word(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _words(values: Dimension) -> str:
    return str(values) if isinstance(values, Range) else ",".join(map(_word, values))
