"""The configuration of a training: all that ``mmrec fit`` is given, in one file."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmrec.recommender.config_yaml import as_yaml, read_yaml
from mmrec.recommender.options import PARTS, Options
from mmrec.recommender.parts.spec import plain_json

log = logging.getLogger(__name__)

PLACES = {
    "data": "Data set folder: interactions, items, images/.",
    "out": "Folder for the RUN; an existing RUN is replaced.",
    "model": "A model as in its paper, by name; it sets parts and options that are not given.",
    "columns": "Our names of columns by those of your tables, such as {movieId: item_id}.",
    "time_unit": "Unit of timestamps that are numbers: s, ms, us or ns.",
    "cache": "Folder in which features of frozen encoders are kept.",
    "logger": "Where metrics of each epoch are logged: csv, tensorboard, wandb, mlflow, or several "
    "in a list.",
    "callbacks": "Callbacks of Lightning, each as class_path and init_args.",
    "trainer": "Arguments of Lightning's Trainer, such as {accelerator: cpu}.",
}
"""The keys beside options and parts, with their help."""

PART_HELPS = {
    "encoders": "Encoders by modality, such as {text: a Hugging Face name or folder}.",
    "fusion": "How modalities become one vector: concat, siamese, attention, gated, bilinear, "
    "experts, film, sum or additive.",
    "interest": "How a history becomes an interest: gru4rec, sasrec, lrurec, hstu, ligr, narm, "
    "nrms, additive, mean or last (the last event alone).",
    "request": "How the time of a request changes the interest: time.",
    "scorer": "How items are retrieved: dot, cosine or bilinear.",
    "reranker": "What ranks the short list that is retrieved: mlp, dcn or mol; nothing by "
    "default. It is kept if it lifts NDCG@10 on validation.",
    "loss": "softmax, bpr, bce, gbce, bpr-max, top1-max or hard-bpr.",
    "negatives": "What a target is compared with: full (all trained items), popularity or uniform "
    "(a draw for each batch), in-batch (the targets of the batch), or mixed (these and a draw by "
    "popularity). auto is in-batch where encoders are trained, else full up to 1,000 trained "
    "items, else popularity.",
}
"""The slots of parts, with their help."""

KEYS = (*PLACES, *Options.model_fields, *PARTS)


@dataclass(frozen=True)
class FitConfig:
    """All that ``mmrec fit`` is given; what is left out has its default.

    The keys of a file are those of the command's options, in one level: ``dim: 64`` is
    ``--dim 64``. A part is a name or a mapping with ``class_path`` and ``init_args``, in the format
    of LightningCLI.

    Attributes:
        options: numbers and choices; those that were given count as set.
        parts: what was given for each slot.
        places: what was given of the rest: data, output, model, columns, cache and logging.

    Example:
        >>> config = FitConfig.from_dict({"data": "shop", "dim": 64, "interest": "sasrec"})
        >>> config.options.dim, config.parts, config.places["data"]
        (64, {'interest': 'sasrec'}, 'shop')
        >>> FitConfig.from_dict({"epoch": 3})
        Traceback (most recent call last):
        ...
        ValueError: the configuration has the unknown key 'epoch'; did you mean 'epochs'?
    """

    options: Options = field(default_factory=Options)
    parts: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str | None = None) -> "FitConfig":
        """Return the configuration of values by key.

        Args:
            values: values by key; a place or part that is None was not given.
            where: the file that they are from, for messages.

        Raises:
            ValueError: a key is unknown, or a value is wrong.
        """
        for key in values:
            if key not in KEYS:
                place = where or "the configuration"
                raise ValueError(f"{place} has the unknown key {key!r}; {_nearest(key)}")
        given = {key: value for key, value in values.items() if value is not None}
        places = {key: given[key] for key in PLACES if key in given}
        parts = {key: given[key] for key in PARTS if key in given}
        try:
            for key, value in places.items():
                _check_place(key, value)
            for key, value in parts.items():
                _check_part(key, value)
            options = Options(**{n: values[n] for n in Options.model_fields if n in values})
        except ValueError as error:
            raise ValueError(f"{where}: {error}" if where else str(error)) from error
        return cls(options, parts, places)

    @classmethod
    def from_yaml(cls, file: str | Path, parts: Sequence[Any] = ()) -> "FitConfig":
        """Read a file, such as the ``run.yaml`` of a RUN; see :meth:`from_dict`.

        Args:
            file: the file.
            parts: classes from outside mmrec that it may name, modules that define them, or the
                names of these. Others are refused, since the file may be another's, and ``fit``
                would run their code.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not YAML, a key is unknown or occurs twice, a value is wrong, or it
                names a class that is neither a part of mmrec nor among ``parts``.
        """
        from mmrec.recommender.config_parts import check_class_paths

        values = read_yaml(Path(file))
        check_class_paths(values, parts, str(file))
        return cls.from_dict(values, str(file))

    def to_dict(self) -> dict[str, Any]:
        """Return what was given as plain values by key.

        Example:
            >>> FitConfig.from_dict({"modalities": "id, text"}).to_dict()
            {'modalities': ['id', 'text']}
        """
        options = self.options.model_dump(mode="json", include=self.options.model_fields_set)
        return {**self.places, **options, **self.parts}

    def to_yaml(self) -> str:
        """Return the text of a file: every key with its help, those at their default commented.

        Example:
            >>> text = FitConfig.from_dict({"dim": 64}).to_yaml()
            >>> [line for line in text.splitlines() if line.startswith(("dim", "#seed"))]
            ['dim: 64', '#seed: 0']
        """
        return config_text(self.to_dict())

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of :meth:`mmrec.Recommender.fit` beside the data.

        ``columns`` and ``time_unit`` are not among them: they are arguments of what reads the data.
        """
        names = ("model", "logger", "callbacks", "trainer", "cache")
        places = {name: self.places[name] for name in names if name in self.places}
        return {"options": self.options, **places, **self.parts}


def config_text(given: Mapping[str, Any]) -> str:
    """Return what was given as the text of a YAML file; see :meth:`FitConfig.to_yaml`."""
    from mmrec import __version__
    from mmrec.recommender.parts import SLOTS
    from mmrec.recommender.zoo import resolve

    defaults = resolve(given.get("model"), None, {})
    options = defaults.options.model_dump(mode="json")
    sections: dict[str, list[tuple[str, str, Any]]] = {
        "data and places": [(key, text, None) for key, text in PLACES.items()]
    }
    for name, group in Options.groups.items():
        sections[f"options: {name}"] = [
            (key, fact.description or "", options[key]) for key, fact in group.model_fields.items()
        ]
    sections["parts"] = [
        (key, text, defaults.parts.get(key, SLOTS[key].default if key in SLOTS else {}))
        for key, text in PART_HELPS.items()
    ]
    head = (
        f"Configuration of mmrec {__version__}: mmrec fit --config FILE. Lines that begin with # "
        f"and a key are defaults; take the # away to set one."
    )
    return as_yaml(head, sections, given)


def _nearest(key: object) -> str:
    """Return a clause about the known keys that are near to an unknown one."""
    name = str(key).lower().replace("-", "_")
    near = get_close_matches(name, KEYS, n=1) or [k for k in KEYS if k in name or name in k][:1]
    if name.endswith("_encoder"):
        near = ["encoders"]
    return f"did you mean {near[0]!r}?" if near else f"expected keys among {list(KEYS)}"


def _check_place(key: str, value: Any) -> None:
    """Raise a ``ValueError`` for a value of the wrong type."""
    kinds: dict[str, tuple[Any, str]] = {
        "columns": (Mapping, "a mapping of names"),
        "trainer": (Mapping, "a mapping of arguments"),
        "callbacks": (list, "a list"),
        "logger": (str | list | tuple, "a name or a list of names"),
    }
    kind, said = kinds.get(key, (str | Path, "text"))
    fits = isinstance(value, kind)
    if fits and key in ("columns", "logger") and not isinstance(value, str):
        names: Sequence[Any] = [*value, *(value.values() if isinstance(value, Mapping) else ())]
        fits = all(isinstance(name, str) for name in names)
    if not fits:
        raise ValueError(f"{key} must be {said}; got {value!r}")


def _check_part(slot: str, value: Any) -> None:
    """Raise a ``ValueError`` for what can't be made again, or is no part."""
    if slot == "encoders":
        if not isinstance(value, Mapping):
            raise ValueError(f"encoders must be a map by modality; got {value!r}")
        for modality, encoder in value.items():
            _check_part(f"the encoder of {modality}", encoder)
        return
    if not isinstance(value, str | Mapping):
        raise ValueError(
            f"{slot} must be a name, a class path, or class_path and init_args; got {value!r}"
        )
    if isinstance(value, Mapping) and value.get("init_args", {}) is None:
        raise ValueError(
            f"{slot} was given to fit as an object of {value.get('class_path')}, whose "
            f"arguments are unknown; write its init_args, or give the object in Python"
        )


def plain_given(
    options: Options, recipe: Mapping[str, Any], places: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a RUN keeps of what ``fit`` was given, see :meth:`FitConfig.to_dict`.

    Args:
        options: the options; those that are set are kept.
        recipe: what was given for each slot, in plain values.
        places: further arguments, by name; those without a plain value are left out, and warned of.
    """
    config = FitConfig(options, _without_identity(recipe), _plain_places(places))
    return config.to_dict()


def _without_identity(value: Any) -> Any:
    """Return a recipe without what tells two parts apart that their arguments don't."""
    if not isinstance(value, Mapping):
        return value
    return {key: _without_identity(one) for key, one in value.items() if key != "identity"}


def _plain_places(places: Mapping[str, Any]) -> dict[str, Any]:
    """Return places in values of YAML; a warning names what has none."""
    kept, lost = dict[str, Any](), list[str]()
    for key, value in places.items():
        plain: Any = value
        if isinstance(value, Mapping):
            plain = {name: one for name, one in value.items() if _is_plain(one)}
            lost += [f"{name} of {key}" for name in value if name not in plain]
        elif isinstance(value, list | tuple):
            plain = [one for one in value if _is_plain(one)]
            lost += [f"{type(one).__name__} in {key}" for one in value if not _is_plain(one)]
        elif not _is_plain(value):
            plain, lost = None, [*lost, key]
        if plain:
            kept[key] = plain_json(plain)
    if lost:
        log.warning("a RUN of this can't repeat what is no plain value: %s", ", ".join(lost))
    return kept


def _is_plain(value: Any) -> bool:
    try:
        plain_json(value)
    except (TypeError, ValueError):
        return False
    return True
