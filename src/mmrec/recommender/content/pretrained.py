"""What modalities with a pretrained encoder have in common: texts and images."""

import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from mmrec.data import Catalog, Inputs, RawSource, Source
from mmrec.data.wording import counted, verb
from mmrec.encoders import FeatureEncoder, FeatureStore, ImageTransform, RawEncoder
from mmrec.encoders.protocol import has_layers
from mmrec.recommender.content.hidden import keep_states
from mmrec.recommender.content.modality import (
    Context,
    Facts,
    KeptStates,
    Prepared,
    check_fingerprint,
)
from mmrec.recommender.content.several import by_row, encode_each, flatten

log = logging.getLogger(__name__)

Transform = Callable[[Sequence[Any]], Inputs]


class PretrainedModality(ABC):
    """A modality whose values are encoded by a pretrained model.

    With ``tuning="frozen"`` the encoder runs once over the catalogue and the model holds a
    :class:`FeatureEncoder`; otherwise the encoder is part of the model and is trained. With
    ``"last-N"`` its frozen layers may run once, too: its source is what they gave.

    Subclasses define the values, and how the encoder is loaded and rebuilt.
    """

    has_content = True
    name: str
    reads: tuple[str, ...] = ()
    """Arguments that say what is read: modalities that differ in these alone share an encoder."""
    encoder: str | RawEncoder | Mapping[str, Any]
    tuning: str

    @abstractmethod
    def columns_read(self, facts: Facts) -> tuple[str, ...]:
        """Return the columns of the raw values."""

    @abstractmethod
    def values(self, items: Catalog, facts: Facts) -> list[Any]:
        """Return the raw value of each row, or a tuple of several; None or "" if it is missing."""

    @abstractmethod
    def load(self) -> RawEncoder:
        """Load the pretrained encoder by its name."""

    @abstractmethod
    def architecture(self, encoder: RawEncoder) -> dict[str, Any] | None:
        """Return plain values from which :meth:`build` makes the encoder; None if impossible."""

    @abstractmethod
    def build(self, architecture: Mapping[str, Any]) -> nn.Module:
        """Build the encoder that ``architecture`` describes, without weights."""

    def find_problems(self, values: Sequence[Any]) -> dict[int, str]:
        """Return why values can't be read, by row."""
        return {}

    def extra_facts(self, catalog: Catalog, before: Facts | None) -> dict[str, Any]:
        """Return further facts for the RUN; ``before`` has those of the updated recommender."""
        return {}

    def count_cut(self, catalog: Catalog, facts: Facts) -> int:
        """Return how many values are cut because they are too long."""
        return 0

    def why_nobody(self, catalog: Catalog) -> str | None:
        """Return why no item can have the modality, without encoding; None if some can."""
        return None

    def prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Encode the catalogue, or prepare its raw values for training.

        What a frozen encoder gives is computed once for all stages of a training.
        """
        if self.tuning != "frozen":
            return self._prepare(catalog, context)
        if self not in context.encoded:
            context.encoded[self] = self._prepare(catalog, context)
        made = context.encoded[self]
        encoder = fitted(made.source, made.facts["feature_dim"], context.trained)
        return replace(made, encoder=encoder, facts=dict(made.facts))

    def _prepare(self, catalog: Catalog, context: Context) -> Prepared:
        """Return the catalogue with its trained encoder, or with an unfitted one of features."""
        facts = dict(self.extra_facts(catalog, context.before))
        values, cut = self.values(catalog, facts), self.count_cut(catalog, facts)
        encoder = self._shared(context)
        self._check_tuning(encoder)
        facts |= self.describe(encoder)
        if self.tuning == "frozen":
            store, model = FeatureStore(context.cache), placed(encoder, context.device)
            features, problems = encode_each(store, model, values, progress=context.progress)
            facts["feature_dim"] = encoder.dim
            unfitted = FeatureEncoder(encoder.dim)
            prepared = Prepared(features, unfitted, facts, problems=problems, cut=cut)
        else:
            source, problems = self._raw(values, encoder.transform)
            changed = _augmented(source)
            if (kept := self._states(encoder, source, changed, context)) is not None:
                (source, more), changed = kept, None
                problems = problems | more
            prepared = Prepared(source, encoder, facts, changed, problems, cut)
        if not prepared.source.present.any():
            why = self.why_nobody(catalog) or next(iter(prepared.problems.values()), None)
            raise ValueError(
                f"modality {self.name!r}: none of the {len(catalog)} items has it"
                f"{'' if why is None else f': {why}'}"
            )
        return prepared

    def _check_tuning(self, encoder: RawEncoder) -> None:
        """Raise a ``ValueError`` if only some layers of a built encoder should be trained.

        Which weights of a built encoder are trained is its own matter, unless it has no layers.
        """
        if self.tuning in ("frozen", "full") or isinstance(self.encoder, str):
            return
        if not has_layers(cast(nn.Module, encoder)):
            raise ValueError(
                f"tuning {self.tuning!r} expects a {self.name} encoder with layers, which has "
                f"lower and sample; got {type(encoder).__name__}: use 'frozen' or 'full'"
            )

    def _states(
        self, encoder: RawEncoder, source: RawSource, changed: Source | None, context: Context
    ) -> KeptStates | None:
        """Return states of frozen layers for all stages of a training, if they are kept."""
        if not self.tuning.startswith("last-"):
            return None
        if self not in context.states:
            made = keep_states(self.name, encoder, source, context, changes=changed is not None)
            context.states[self] = made
        return context.states[self]

    def rebuild(self, facts: Facts) -> nn.Module:
        """Make the feature encoder, or the trained encoder without weights."""
        if "feature_dim" in facts:
            return FeatureEncoder(facts["feature_dim"])
        if "architecture" in facts:
            return self.build(facts["architecture"])
        return cast(nn.Module, deepcopy(self.built()))

    def facts_of(self, catalog: Catalog, encoder: nn.Module) -> dict[str, Any]:
        """Return the facts of an encoder of a model that was trained without ``fit``."""
        facts = self.extra_facts(catalog, None)
        if isinstance(encoder, FeatureEncoder):
            return facts | self.describe(self.loaded()) | {"feature_dim": encoder.dim_in}
        if not isinstance(encoder, RawEncoder):
            raise ValueError(
                f"{type(self).__name__} expects a FeatureEncoder or an encoder of raw values; got "
                f"{type(encoder).__name__}"
            )
        return facts | self.describe(encoder)

    def source_of(
        self, items: Catalog, encoder: nn.Module, facts: Facts, slots: np.ndarray
    ) -> tuple[Source, dict[int, str]]:
        """Encode further items with the encoder of the RUN."""
        values = self.values(items, facts)
        if isinstance(encoder, RawEncoder):
            return self._raw(values, encoder.transform)
        raw = self.loaded()
        check_fingerprint(
            self.name, _fingerprint_of(raw), facts, built=not isinstance(self.encoder, str)
        )
        device = next(encoder.buffers()).device
        store = FeatureStore(None, fingerprint=_fingerprint_of)
        return encode_each(store, placed(raw, device), values)

    def loaded(self) -> RawEncoder:
        """Return the frozen encoder; it is loaded once a process."""
        if not isinstance(self.encoder, str):
            return self.built()
        with torch.random.fork_rng(devices=[]):
            return self._loaded(self.encoder).encoder

    def _shared(self, context: Context) -> RawEncoder:
        """Return the encoder for training, the same for all frozen modalities that share it."""
        if not isinstance(self.encoder, str) or self.tuning != "frozen":
            return self.pretrained()
        key = (type(self), self._loading())
        if key[1] is None:
            return self.pretrained()
        if key not in context.loaded:
            context.loaded[key] = self.pretrained()
        return cast(RawEncoder, context.loaded[key])

    def pretrained(self) -> RawEncoder:
        """Return the encoder for training; loading it draws random numbers.

        Of an encoder that was given built it is a copy, so that training leaves that one as it is.
        """
        if not isinstance(self.encoder, str):
            return deepcopy(self.built())
        if self.tuning != "frozen":
            return self.load()
        loaded = self._loaded(self.encoder)
        # Building a model draws its first weights. What a seed draws next must not depend on
        # whether the model had been loaded before.
        now = torch.get_rng_state()
        if now.equal(loaded.before):
            torch.set_rng_state(loaded.after)
        elif not now.equal(loaded.after) and not loaded.before.equal(loaded.after):
            self.load()
        return loaded.encoder

    def built(self) -> RawEncoder:
        """Return the encoder that was given built.

        Raises:
            ValueError: only its class is known.
        """
        if isinstance(self.encoder, RawEncoder):
            return self.encoder
        if isinstance(self.encoder, nn.Module):
            check_raw(self.name, self.encoder)
        raise ValueError(
            f"the {self.name} encoder was given built and is not in the RUN: hand it over in "
            f"parts=[encoder]; got {self.encoder!r}"
        )

    def describe(self, encoder: RawEncoder) -> dict[str, Any]:
        """Return what a RUN keeps of an encoder, in plain JSON values."""
        described: dict[str, Any] = {"fingerprint": encoder.fingerprint()}
        if (architecture := self.architecture(encoder)) is not None:
            described["architecture"] = architecture
        plain: dict[str, Any] = json.loads(json.dumps(described))
        return plain

    def _loading(self) -> str | None:
        """Return the arguments that decide what is loaded; None if the class records none."""
        arguments = getattr(self, "init_args", None)
        if arguments is None:
            return None
        return json.dumps({k: v for k, v in arguments.items() if k not in self.reads})

    def _loaded(self, name: str) -> "_Loaded":
        arguments = self._loading()
        if arguments is None:
            before = torch.get_rng_state()
            return _Loaded(self.load(), before, torch.get_rng_state())
        with _one_at_a_time:  # who needs what another thread loads waits for it
            return _loaded_once(type(self), arguments, _stamp(name))

    def _raw(self, values: Sequence[Any], transform: Transform) -> tuple[RawSource, dict[int, str]]:
        flat, owners = flatten(values)
        wrong = self.find_problems(flat)
        several = sum(isinstance(value, tuple) for value in values)
        if several:
            log.warning(
                "modality %r: %s %s several values, of which an encoder that is trained reads "
                "the first",
                self.name,
                counted(several, "item"),
                verb(several, "has", "have"),
            )
        first: dict[int, Any] = {}
        for place, (value, row) in enumerate(zip(flat, owners, strict=True)):
            if place not in wrong:
                first.setdefault(row, value)
        problems = by_row(wrong, owners)
        return RawSource([first.get(row) for row in range(len(values))], transform), problems


def check_raw(name: str, encoder: nn.Module) -> None:
    """Raise a ``ValueError`` that names what an encoder of raw values lacks."""
    wanted = ("dim", "transform", "fingerprint")
    if lacking := [one for one in wanted if getattr(encoder, one, None) is None]:
        raise ValueError(
            f"the {name} encoder {type(encoder).__name__} must have dim, a transform of raw values "
            f"and a method fingerprint; it lacks {' and '.join(lacking)}"
        )


class _Loaded(NamedTuple):
    """A frozen encoder, and the state of the random numbers before and after it was loaded."""

    encoder: RawEncoder
    before: torch.Tensor
    after: torch.Tensor


_one_at_a_time = Lock()


@lru_cache(maxsize=4)
def _loaded_once(kind: type[PretrainedModality], arguments: str, stamp: object) -> _Loaded:
    before = torch.get_rng_state()
    encoder = kind(**json.loads(arguments)).load()
    return _Loaded(encoder, before, torch.get_rng_state())


_fingerprints: WeakKeyDictionary[RawEncoder, str] = WeakKeyDictionary()


def _fingerprint_of(encoder: RawEncoder) -> str:
    """Return the fingerprint of a frozen encoder; its weights are hashed once a process."""
    if encoder not in _fingerprints:
        _fingerprints[encoder] = encoder.fingerprint()
    return _fingerprints[encoder]


def _stamp(name: str) -> tuple[tuple[str, int, int], ...]:
    """Return name, time and size of each file of an encoder; they show whether it has changed."""
    folder = Path(name.partition(":")[2] or name)
    if not folder.is_dir():
        return ()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in files)


def _augmented(source: RawSource) -> RawSource | None:
    if isinstance(source.transform, ImageTransform):
        return RawSource(source.values, replace(source.transform, augment=True))
    return None


def placed(encoder: RawEncoder, device: str | torch.device) -> nn.Module:
    """Move an encoder to a device and return it."""
    return cast(nn.Module, encoder).to(device)


def fitted(features: Source, dim: int, trained: np.ndarray) -> FeatureEncoder:
    """Return a feature encoder, fitted to the features of trained items."""
    rows = trained[features.present[trained]]
    encoder = FeatureEncoder(dim)
    return encoder.fit(cast(torch.Tensor, features.load(rows))) if len(rows) else encoder
