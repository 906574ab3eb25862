"""What frozen encoders produce, encoded once and kept: keyed by content and encoder."""

import sys
from collections.abc import Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor, nn

from mmrec.cpu import fast_products
from mmrec.encoders.batching import raw_batches
from mmrec.encoders.folding import folded
from mmrec.encoders.rowlog import COMMIT, RowLog, RowMemory, map_rows

Raw = str | Path | None
_WORTH_FOLDING = 64  # values: it takes as long as encoding a few
Rows = Tensor | np.ndarray | Sequence[int] | slice


class Features:
    """The vectors of some values, in their order, gathered from the store when asked for.

    It is a modality source (`present` and `load`) for a catalogue whose index 0 is padding if the
    values began with None.

    Attributes:
        table: all rows of the store, memory-mapped.
        rows: the row of each value, -1 where it has none, `(len(values),)`.
        dim: width of a vector.
        present: True for each value that has a vector, `(len(values),)`.
        problems: why a value that was given has none, by position.
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
        """Which values have a vector."""
        return self.rows >= 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: Rows) -> Float[Tensor, "n dim"]:
        """The vectors at some positions, copied; zeros where there is none."""
        if isinstance(positions, Tensor):
            positions = positions.cpu().numpy()
        chosen = self.rows[positions if isinstance(positions, slice) else np.asarray(positions)]
        vectors = np.zeros((len(chosen), self.dim), np.float32)
        vectors[chosen >= 0] = self.table[chosen[chosen >= 0]]
        return torch.from_numpy(vectors)

    load = __getitem__

    def __getstate__(self) -> dict[str, Any]:
        """Pickled without the rows that lie on the disk: workers map them themselves."""
        count = len(self.table)
        return self.__dict__ | ({"table": count} if self._path is not None else {})

    def __setstate__(self, state: dict[str, Any]) -> None:
        """See `__getstate__`."""
        self.__dict__.update(state)
        if self._path is not None:
            self.table = map_rows(self._path, state["table"], self.dim)


class FeatureStore:
    """Keeps the vectors that frozen encoders give to texts and images.

    Each content is encoded once for each encoder, whatever its item; a changed item is encoded
    anew. Encoding can be killed at any instant and goes on where it was, and processes that share
    a directory take turns.

    Args:
        directory: holds a folder per encoder fingerprint; None keeps everything in memory.

    Example:
        >>> from mmrec.encoders import ImageEncoder
        >>> encoder = ImageEncoder.from_timm("test_vit", pretrained=False)
        >>> features = FeatureStore(None).encode(encoder, [None, Path("no-such-image.jpg")])
        >>> features.present, sorted(features.problems)
        (array([False, False]), [1])
    """

    def __init__(self, directory: Path | str | None) -> None:
        self.directory = None if directory is None else Path(directory)
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
        """The vectors of all values; those that the store lacks are encoded first.

        Args:
            encoder: a frozen encoder with `transform`, `dim` and `fingerprint()`.
            values: texts, or paths of images; None and "" are missing.
            keys: names the content of each value, in place of a hash of the text or of the
                image file (which then isn't read to find out that it is known).
            batch_size: images encoded at once, or texts of 64 tokens; by default 16 on a CPU,
                where more no longer fit its caches, and 128 elsewhere.
            progress: show on stderr how far it is.
            shard: `(rank, world)`: encode only this process' part of what the store lacks, without
                keeping the others waiting. Each content is in the part of one rank, whatever the
                order of values. When all ranks are done a call without it finds everything.

        Returns:
            The vectors. An image that cannot be read is missing, and in `problems`; in a sharded
            call, so is what nobody has encoded yet, but not in `problems`.

        Raises:
            ValueError: if the encoder learns, or changes its input at random; if there is no such
                shard, or the store is in memory, where nobody would find it.
        """
        _check(encoder, values, keys)
        part = None if shard is None else self._part(encoder, *shard)
        problems: dict[int, str] = {}
        digests = [_digest(i, values[i], keys, problems) for i in range(len(values))]
        log = self._log(encoder)
        wanted = {d: i for i, d in reversed(list(enumerate(digests))) if d is not None}
        failed: dict[bytes, str] = {}
        if part is not None and shard is not None:
            wanted = {d: i for d, i in wanted.items() if _rank_of(d, shard[1]) == shard[0]}
            todo = {d: v for d, i in wanted.items() if d not in log.index and (v := values[i])}
            failed = _fill_part(log, part, encoder, todo, batch_size, progress)
        elif wanted.keys() - log.index.keys():
            with log.locked():
                todo = {d: v for d, i in wanted.items() if d not in log.index and (v := values[i])}
                failed = _fill(log, encoder, todo, batch_size, progress)
        problems |= {i: failed[d] for i, d in enumerate(digests) if d in failed}
        rows = [-1 if d is None else log.index.get(d, -1) for d in digests]
        table = log.table()
        return Features(
            table, np.array(rows, dtype=np.int64), dict(sorted(problems.items())), log.path
        )

    def _part(self, encoder: Any, rank: int, world: int) -> RowLog:
        """Where a shard writes until it is done, so that it holds nobody up."""
        if self.directory is None:
            raise ValueError("a shard needs a store with a directory; got one in memory")
        if not 0 <= rank < world:
            raise ValueError(f"shard needs 0 <= rank < world; got {(rank, world)}")
        fingerprint: str = encoder.fingerprint()
        folder = self.directory / fingerprint[:32] / f"part-{rank}-of-{world}"
        return RowLog(folder, encoder.dim, fingerprint)

    def _log(self, encoder: Any) -> RowLog | RowMemory:
        fingerprint: str = encoder.fingerprint()
        dim: int = encoder.dim
        if self.directory is None:
            return self._memory.setdefault(fingerprint, RowMemory(dim))
        return RowLog(self.directory / fingerprint[:32], dim, fingerprint)


def _check(encoder: Any, values: Sequence[Raw], keys: Sequence[str | None] | None) -> None:
    if any(parameter.requires_grad for parameter in encoder.parameters()):
        raise ValueError(
            f"FeatureStore expects a frozen encoder, whose vectors never change; "
            f"got {type(encoder).__name__} with tuning {getattr(encoder, 'tuning', 'full')!r}"
        )
    if getattr(encoder.transform, "augment", False):
        raise ValueError("FeatureStore expects a transform without augmentation")
    if keys is not None and len(keys) != len(values):
        raise ValueError(f"expected one key per value; got {len(keys)} and {len(values)}")


def _digest(
    position: int, value: Raw, keys: Sequence[str | None] | None, problems: dict[int, str]
) -> bytes | None:
    """The key of a content; None where there is none."""
    if value is None or value == "":
        return None
    key = None if keys is None else keys[position]
    if key is not None:
        return sha256(key.encode()).digest()
    if isinstance(value, str):
        return sha256(value.encode("utf-8", "surrogatepass")).digest()
    try:
        with value.open("rb") as file:
            return file_digest(file, "sha256").digest()
    except OSError as error:
        problems[position] = f"image {value} cannot be read: {error.strerror}"
        return None


def _rank_of(digest: bytes, world: int) -> int:
    """Who encodes a content: a hash says it, so that nobody has to ask what others have begun."""
    return int.from_bytes(digest[:8], "little") % world


def _fill_part(
    log: RowLog | RowMemory,
    part: RowLog,
    encoder: nn.Module,
    todo: dict[bytes, str | Path],
    batch_size: int | None,
    progress: bool,
) -> dict[bytes, str]:
    """Encodes a shard into a log of its own, which a killed run left behind if there was one."""
    if not todo and not part.folder.exists():
        return {}
    with part.locked():
        new = {digest: value for digest, value in todo.items() if digest not in part.index}
        failed = _fill(part, encoder, new, batch_size, progress)
        rows = part.table()
        with log.locked():
            fresh = [digest for digest in part.index if digest not in log.index]
            for start in range(0, len(fresh), COMMIT):
                some = fresh[start : start + COMMIT]
                log.append(some, rows[[part.index[digest] for digest in some]])
        rmtree(part.folder)
    return failed


def _fill(
    log: RowLog | RowMemory,
    encoder: nn.Module,
    todo: dict[bytes, str | Path],
    batch_size: int | None,
    progress: bool,
) -> dict[bytes, str]:
    """Encodes what is missing, batch by batch into the log; returns what failed, and why."""
    digests, values = list(todo), list(todo.values())
    device = next((p.device for p in encoder.parameters()), torch.device("cpu"))
    batch_size = batch_size or (16 if device.type == "cpu" else 128)
    failed: dict[bytes, str] = {}
    done = 0
    mode = encoder.training
    quick: nn.Module | None = None if len(values) >= _WORTH_FOLDING else encoder
    encoder.eval()
    try:
        for positions, inputs, problems in raw_batches(encoder, values, batch_size):
            failed |= {digests[i]: problem for i, problem in problems.items()}
            done += len(positions) + len(problems)
            if inputs is not None:
                inputs = _to(inputs, device)
                if quick is None:
                    quick = folded(encoder, inputs[:2]) if isinstance(inputs, Tensor) else encoder
                with torch.inference_mode(), fast_products():
                    vectors: Tensor = quick(inputs)
                rows = vectors.float().cpu().numpy()
                finite = np.isfinite(rows).all(axis=1)
                kept = [digests[i] for i, good in zip(positions, finite, strict=True) if good]
                failed |= {
                    digests[i]: "the encoder gave NaN or infinity"
                    for i, good in zip(positions, finite, strict=True)
                    if not good
                }
                log.append(kept, rows[finite])
            if progress:
                sys.stderr.write(f"\rencoded {done:,} of {len(values):,}")
    finally:
        encoder.train(mode)
        if progress:
            sys.stderr.write("\n")
    return failed


def _to(inputs: Tensor | dict[str, Tensor], device: torch.device) -> Any:
    if isinstance(inputs, Tensor):
        return inputs.to(device)
    return {name: tensor.to(device) for name, tensor in inputs.items()}
