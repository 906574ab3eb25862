"""Vectors of frozen encoders, computed once and kept by content and encoder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

from mmrec.cpu import fast_products
from mmrec.data.images import MISSING, Picture
from mmrec.encoders.batching import raw_batches
from mmrec.encoders.folding import folded
from mmrec.encoders.rowlog import COMMIT, RowLog, RowMemory, map_rows
from mmrec.layers.progress import counter, showing

Raw = str | Path | bytes | None
_WORTH_FOLDING = 64  # with fewer values, folding takes longer than it saves
Rows = Tensor | np.ndarray | Sequence[int] | slice


class Features:
    """The vectors of some values, in their order, read from the store when they are indexed.

    This is a modality source (``present`` and ``load``) for a catalogue. Index 0 is padding if
    the first value was None.

    Attributes:
        table: all rows of the store, memory-mapped.
        rows: ``(len(values),)`` the row of each value, -1 where it has none.
        dim: width of a vector.
        present: ``(len(values),)`` True for each value that has a vector.
        problems: by position, why a given value has no vector.
    """

    def __init__(
        self,
        table: Float32[np.ndarray, "rows dim"],
        rows: Int[np.ndarray, " n"],
        problems: dict[int, str],
        path: Path | None = None,
    ) -> None:
        self.table = table
        self.rows = rows
        self.problems = problems
        self.dim: int = table.shape[1]
        self._path = path

    @property
    def present(self) -> Bool[np.ndarray, " n"]:
        """True for each value that has a vector."""
        return self.rows >= 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: Rows) -> Float[Tensor, "n dim"]:
        """Return copies of the vectors at some positions; zeros where there is none."""
        if isinstance(positions, Tensor):
            positions = positions.cpu().numpy()
        chosen = self.rows[positions if isinstance(positions, slice) else np.asarray(positions)]
        if (chosen >= 0).all():
            return torch.from_numpy(np.asarray(self.table[chosen]))
        vectors = np.zeros((len(chosen), self.dim), np.float32)
        vectors[chosen >= 0] = self.table[chosen[chosen >= 0]]
        return torch.from_numpy(vectors)

    load = __getitem__

    def __getstate__(self) -> dict[str, Any]:
        """Leave out rows on disk: the process that unpickles this maps them itself."""
        count = len(self.table)
        return self.__dict__ | ({"table": count} if self._path is not None else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the rows again; see ``__getstate__``."""
        self.__dict__.update(state)
        if self._path is not None:
            self.table = map_rows(self._path, state["table"], self.dim)


class FeatureStore:
    """A cache of the vectors that frozen encoders give to texts and images.

    Each encoder encodes a content once, however many items have it; a changed text or image is
    encoded again. A killed run continues where it stopped. Processes that share a directory take
    turns.

    Args:
        directory: parent of one folder per encoder fingerprint; None keeps vectors in memory.
        fingerprint: returns the fingerprint of an encoder; by default its method of that name,
            which reads all weights.

    Example:
        >>> from mmrec.encoders import ImageEncoder
        >>> encoder = ImageEncoder.from_timm("test_vit", pretrained=False)
        >>> features = FeatureStore(None).encode(encoder, [None, Path("no-such-image.jpg")])
        >>> features.present, sorted(features.problems)
        (array([False, False]), [1])
    """

    def __init__(
        self, directory: Path | str | None, *, fingerprint: Callable[[Any], str] | None = None
    ) -> None:
        self.directory = None if directory is None else Path(directory)
        self._fingerprint = fingerprint or _own_fingerprint
        self._memory: dict[str, RowMemory] = {}

    def encode(
        self,
        encoder: nn.Module,
        values: Sequence[Raw],
        *,
        keys: Sequence[str | None] | None = None,
        batch_size: int | None = None,
        progress: bool = False,
        shard: tuple[int, int] | None = None,
    ) -> Features:
        """Return the vectors of all values; encode first those that the store lacks.

        Args:
            encoder: a frozen encoder with ``transform``, ``dim`` and ``fingerprint()``.
            values: texts, or images as paths or bytes of files; None and "" are missing.
            keys: a name for the content of each value. It replaces the hash of the text or of the
                image file, so the file need not be read to look its vector up.
            batch_size: images encoded at once, or texts of 64 tokens. The default is 16 on a CPU,
                whose caches hold no more, and 128 elsewhere.
            progress: show on stderr how many are encoded, after two seconds.
            shard: ``(rank, world)``: encode only this process' part of what the store lacks,
                beside the other processes. A content's hash decides its rank, so the order of
                values does not matter. When all ranks are done, a call without ``shard`` finds
                everything.

        Returns:
            The vectors. An image that cannot be read has none and is in ``problems``. In a call
            with ``shard``, a content that is not encoded yet has none and is not in ``problems``.

        Raises:
            ValueError: if the encoder is not frozen or augments its input, if ``shard`` is out of
                range, or if it is given for a store in memory, which other processes cannot read.
        """
        _check(encoder, values, keys)
        part = None if shard is None else self._part(encoder, *shard)
        problems: dict[int, str] = {}
        digests = [content_digest(i, values[i], keys, problems) for i in range(len(values))]
        # Of values with one content, the first is encoded.
        pairs = reversed(list(zip(digests, values, strict=True)))
        wanted = {digest: value for digest, value in pairs if digest is not None and value}
        log = self._log(encoder)
        job = _Job(encoder, batch_size, progress)
        failed: dict[bytes, str] = {}
        if part is not None and shard is not None:
            mine = {d: v for d, v in wanted.items() if _rank_of(d, shard[1]) == shard[0]}
            failed = job.fill_part(log, part, mine)
        elif wanted.keys() - log.index.keys():
            with log.locked():
                failed = job.fill(log, wanted)
        problems |= own_reasons(failed, digests, values, wanted)
        rows = [-1 if d is None else log.index.get(d, -1) for d in digests]
        problems = dict(sorted(problems.items()))
        return Features(log.table(), np.array(rows, dtype=np.int64), problems, log.path)

    def _part(self, encoder: Any, rank: int, world: int) -> RowLog:
        """Return the log of one shard; it has its own lock, so that shards do not wait."""
        if self.directory is None:
            raise ValueError("shard expects a store with a directory; got one in memory")
        if not 0 <= rank < world:
            raise ValueError(f"shard expects 0 <= rank < world; got {(rank, world)}")
        fingerprint = self._fingerprint(encoder)
        folder = self.directory / fingerprint[:32] / f"part-{rank}-of-{world}"
        return RowLog(folder, encoder.dim, fingerprint)

    def _log(self, encoder: Any) -> RowLog | RowMemory:
        fingerprint = self._fingerprint(encoder)
        dim: int = encoder.dim
        if self.directory is None:
            return self._memory.setdefault(fingerprint, RowMemory(dim))
        return RowLog(self.directory / fingerprint[:32], dim, fingerprint)


def _own_fingerprint(encoder: Any) -> str:
    own: str = encoder.fingerprint()
    return own


def _check(encoder: Any, values: Sequence[Raw], keys: Sequence[str | None] | None) -> None:
    learns = [name for name, weight in encoder.named_parameters() if weight.requires_grad]
    if learns:
        tuning = getattr(encoder, "tuning", None)
        raise ValueError(
            f"FeatureStore expects a frozen encoder, whose vectors do not change; got "
            f"{type(encoder).__name__}{'' if tuning is None else f' with tuning {tuning!r}'}, in "
            f"which {learns[0]!r} is trained: call "
            f"requires_grad_(False) on it, or fit with another tuning, such as 'full'"
        )
    if getattr(encoder.transform, "augment", False):
        raise ValueError("FeatureStore expects a transform without augmentation")
    if keys is not None and len(keys) != len(values):
        raise ValueError(f"expected one key per value; got {len(keys)} and {len(values)}")


def content_digest(
    position: int, value: Raw, keys: Sequence[str | None] | None, problems: dict[int, str]
) -> bytes | None:
    """Return the key of a content; None where there is none, with the reason in ``problems``."""
    if value is None or value in ("", b""):
        return None
    key = None if keys is None else keys[position]
    if key is not None:
        return sha256(key.encode()).digest()
    if isinstance(value, str):
        return sha256(value.encode("utf-8", "surrogatepass")).digest()
    if isinstance(value, bytes):
        return sha256(value).digest()
    try:
        with value.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except FileNotFoundError:
        problems[position] = f"image {value} {MISSING}"
        return None
    except OSError as error:
        problems[position] = f"image {value} cannot be read: {error.strerror}"
        return None


def own_reasons(
    failed: Mapping[bytes, str],
    digests: Sequence[bytes | None],
    values: Sequence[Raw],
    encoded: Mapping[bytes, Raw],
) -> dict[int, str]:
    """Return why values failed, by position; each reason names the file of that value.

    Args:
        failed: the reasons by content; one that names a file names that of ``encoded``.
        digests: the content of each value.
        values: the values.
        encoded: the value of each content that was encoded.
    """
    found = {}
    for position, (digest, value) in enumerate(zip(digests, values, strict=True)):
        if digest is None or digest not in failed:
            continue
        reason, other = failed[digest], encoded[digest]
        if isinstance(value, Path) and isinstance(other, Path):
            reason = reason.replace(str(other), str(value))
        found[position] = reason
    return found


def _rank_of(digest: bytes, world: int) -> int:
    """Return which shard encodes a content; its hash decides, so ranks need no communication."""
    return int.from_bytes(digest[:8], "little") % world


@dataclass(frozen=True)
class _Job:
    """Encodes contents into logs."""

    encoder: nn.Module
    batch_size: int | None
    progress: bool

    def fill_part(
        self, log: RowLog | RowMemory, part: RowLog, wanted: Mapping[bytes, str | Picture]
    ) -> dict[bytes, str]:
        """Encode into the log of a shard, then move its rows; a killed run may have left some."""
        todo = {d: v for d, v in wanted.items() if d not in log.index}
        if not todo and not part.folder.exists():
            return {}
        with part.locked():
            failed = self.fill(part, todo)
            rows = part.table()
            with log.locked():
                fresh = [digest for digest in part.index if digest not in log.index]
                for start in range(0, len(fresh), COMMIT):
                    some = fresh[start : start + COMMIT]
                    log.append(some, rows[[part.index[digest] for digest in some]])
            rmtree(part.folder)
        return failed

    def fill(
        self, log: RowLog | RowMemory, wanted: Mapping[bytes, str | Picture]
    ) -> dict[bytes, str]:
        """Encode what a log lacks, batch by batch; return why contents failed."""
        digests = [digest for digest in wanted if digest not in log.index]
        values = [wanted[digest] for digest in digests]
        device = next((p.device for p in self.encoder.parameters()), torch.device("cpu"))
        batch_size = self.batch_size or (16 if device.type == "cpu" else 128)
        failed: dict[bytes, str] = {}
        mode = self.encoder.training
        quick = None if len(values) >= _WORTH_FOLDING else self.encoder
        self.encoder.eval()
        try:
            with showing(self.progress), counter("encoded", len(values)) as done:
                for positions, inputs, problems in raw_batches(self.encoder, values, batch_size):
                    failed |= {digests[i]: problem for i, problem in problems.items()}
                    if inputs is not None:
                        inputs = moved(inputs, device)
                        quick = _folded(self.encoder, inputs) if quick is None else quick
                        failed |= _append(log, [digests[i] for i in positions], quick, inputs)
                    done(len(positions) + len(problems))
        finally:
            self.encoder.train(mode)
        return failed


def _folded(encoder: nn.Module, inputs: Tensor | dict[str, Tensor]) -> nn.Module:
    """Return a faster encoder of images; texts have no batch norms to fold."""
    return folded(encoder, inputs[:2]) if isinstance(inputs, Tensor) else encoder


def _append(
    log: RowLog | RowMemory, digests: list[bytes], encoder: nn.Module, inputs: Any
) -> dict[bytes, str]:
    """Encode one batch into a log; return why contents failed."""
    with torch.inference_mode(), fast_products():
        vectors: Tensor = encoder(inputs)
    rows = vectors.float().cpu().numpy()
    finite = np.isfinite(rows).all(axis=1)
    log.append([d for d, good in zip(digests, finite, strict=True) if good], rows[finite])
    problem = "the encoder gave NaN or infinity"
    return {d: problem for d, good in zip(digests, finite, strict=True) if not good}


def moved(inputs: Tensor | dict[str, Tensor], device: torch.device) -> Any:
    """Return the inputs of an encoder on a device."""
    if isinstance(inputs, Tensor):
        return inputs.to(device)
    return {name: tensor.to(device) for name, tensor in inputs.items()}
