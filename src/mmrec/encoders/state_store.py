"""States of frozen lower layers, computed once and kept by content and encoder."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmrec.cpu import fast_products
from mmrec.data.images import Picture
from mmrec.encoders.batching import raw_batches
from mmrec.encoders.cache import Raw, content_digest, moved, own_reasons
from mmrec.encoders.lower import lower_blocks
from mmrec.encoders.modes import evaluating
from mmrec.encoders.protocol import LayeredEncoder
from mmrec.encoders.room import free_disk, free_memory
from mmrec.encoders.rowlog import RowLog, RowMemory, exclusive
from mmrec.encoders.states import HiddenStates
from mmrec.layers.progress import counter, showing

_SAMPLED = 500  # about so many texts are tokenized to estimate a size


class TooLargeError(ValueError):
    """States would take more than the half of what is free."""


class StateStore:
    """A cache of the states that the frozen lower layers of an encoder give to texts or images.

    Each content runs through these layers once, however many items have it. Its states are found by
    the hash of the content, in a folder named by a hash of the encoder's fingerprint, the number of
    frozen layers and the type of numbers. A killed run continues where it stopped. Processes that
    share a directory take turns.

    The states of a text are kept without padding, in a table for each number of tokens.

    Args:
        encoder: an encoder for which ``mmrec.encoders.lower.why_whole`` returns None.
        directory: parent of the folder; None keeps states in memory.
        half: keep float16: half of the space, and three digits.

    Raises:
        ValueError: the encoder has no frozen layers below trained ones.

    Example:
        >>> from mmrec.encoders import ImageEncoder
        >>> encoder = ImageEncoder.from_timm("test_vit", pretrained=False, tuning="last-2")
        >>> states, problems = StateStore(encoder, None).encode([None, b"not an image"])
        >>> problems
        {1: 'image of 12 bytes is not a JPEG, PNG, WebP or GIF'}
    """

    def __init__(
        self, encoder: LayeredEncoder, directory: Path | str | None, *, half: bool = False
    ) -> None:
        self.encoder, self.dtype = encoder, np.dtype("float16" if half else "float32")
        with _inference(encoder):
            lowered = encoder.lower(encoder.sample())
        self._masked = "attention_mask" in lowered
        self._tokens, *shape = lowered["states"].shape[1:]
        self._shape = tuple(shape)
        frozen = len(lower_blocks(cast(nn.Module, encoder)))
        parts = f"{encoder.fingerprint()} {frozen} {self.dtype}"
        self.fingerprint = sha256(parts.encode()).hexdigest()
        place = None if directory is None else Path(directory)
        self.folder = None if place is None else place / f"states-{self.fingerprint[:32]}"
        self._logs: dict[int, RowLog | RowMemory] = {}
        self._open()

    def encode(
        self, values: Sequence[Raw], *, batch_size: int | None = None, progress: bool = False
    ) -> tuple[HiddenStates, dict[int, str]]:
        """Return the states of all values; first run those that the store lacks.

        Args:
            values: texts, or images as paths or bytes of files; None and "" are missing.
            batch_size: images run at once, or texts of 64 tokens; by default 16 on a CPU and 128
                elsewhere.
            progress: show on stderr how many have run, after two seconds.

        Returns:
            The states, and by position why a value has none: an image can't be read.

        Raises:
            TooLargeError: what the store lacks would take more than half of what is free on the
                disk, or in memory.
            ValueError: a state does not fit float16.
        """
        problems: dict[int, str] = {}
        digests = [content_digest(i, value, None, problems) for i, value in enumerate(values)]
        wanted = {d: v for d, v in zip(digests, values, strict=True) if d is not None and v}
        failed: dict[bytes, str] = {}
        if self._lacking(wanted):
            with self._alone() as held:
                if lacking := self._lacking(wanted):  # others may have written meanwhile
                    self._check_room(list(lacking.values()))
                    failed = self._run(lacking, held, batch_size, progress)
        problems |= own_reasons(failed, digests, values, wanted)
        places = {d: (n, row) for n, log in self._logs.items() for d, row in log.index.items()}
        found = [(0, -1) if d is None else places.get(d, (0, -1)) for d in digests]
        counts, rows = np.array(found, dtype=np.int64).reshape(-1, 2).T
        tables = {count: log.table() for count, log in self._logs.items()}
        made = HiddenStates(tables, counts, rows, self._shape, self.folder, masked=self._masked)
        return made, dict(sorted(problems.items()))

    def _lacking(self, wanted: Mapping[bytes, str | Picture]) -> dict[bytes, str | Picture]:
        known = {digest for log in self._logs.values() for digest in log.index}
        return {digest: value for digest, value in wanted.items() if digest not in known}

    def _check_room(self, values: Sequence[str | Picture]) -> None:
        """Compare about how many bytes the states of values take with what is free."""
        tokens = float(self._tokens)
        if self._masked:  # a mean of texts
            some = values[:: max(1, len(values) // _SAMPLED)]
            tokens = float(self.encoder.transform(some)["attention_mask"].sum()) / len(some)
        size = round(len(values) * tokens * prod(self._shape) * self.dtype.itemsize)
        free = free_memory() if self.folder is None else free_disk(self.folder)
        if size > free / 2:
            where = "memory" if self.folder is None else str(self.folder.parent)
            raise TooLargeError(
                f"the states of {len(values):,} values must take at most half of what is free in "
                f"{where}, {free / 1e9:,.1f} GB; they would take about {size / 1e9:,.1f} GB"
            )

    def _log(self, count: int) -> RowLog | RowMemory:
        width = count * prod(self._shape)
        if self.folder is None:
            return self._logs.get(count) or RowMemory(width, self.dtype.name)
        return RowLog(self.folder / str(count), width, self.fingerprint, self.dtype.name)

    def _open(self) -> None:
        """Open the tables on disk, with what other processes have written."""
        for path in () if self.folder is None else self.folder.glob("[0-9]*"):
            if not path.name.isdigit():
                continue
            self._logs[int(path.name)] = self._log(int(path.name))

    @contextmanager
    def _alone(self) -> Iterator[ExitStack]:
        """Be the only process that writes; the tables to write to are held in the result."""
        with ExitStack() as held:
            if self.folder is not None:
                held.enter_context(exclusive(self.folder))
                self._open()
            yield held

    def _run(
        self,
        wanted: Mapping[bytes, str | Picture],
        held: ExitStack,
        batch_size: int | None,
        progress: bool,
    ) -> dict[bytes, str]:
        """Run the frozen layers on contents, batch by batch; return why some failed."""
        digests, values = list(wanted), list(wanted.values())
        device = next(cast(nn.Module, self.encoder).parameters()).device
        batch_size = batch_size or (16 if device.type == "cpu" else 128)
        failed: dict[bytes, str] = {}
        writing = dict[int, RowLog | RowMemory]()
        shown = counter("frozen layers:", len(values))
        with _inference(self.encoder), showing(progress), shown as done:
            for positions, inputs, problems in raw_batches(self.encoder, values, batch_size):
                failed |= {digests[i]: problem for i, problem in problems.items()}
                batch = {} if inputs is None else self.encoder.lower(moved(inputs, device))
                for count, places, rows in self._by_count(batch):
                    if count not in writing:
                        log = writing[count] = self._logs[count] = self._log(count)
                        held.enter_context(log.locked())
                    writing[count].append([digests[positions[i]] for i in places], rows)
                done(len(positions) + len(problems))
        return failed

    def _by_count(
        self, batch: dict[str, Tensor]
    ) -> Iterator[tuple[int, Int[np.ndarray, " n"], Float[np.ndarray, "n _"]]]:
        """Yield the states of values of as many tokens: their number, places and rows."""
        if not batch:
            return
        states = batch["states"].float().cpu().numpy()
        largest, most = float(np.abs(states).max()), float(np.finfo(self.dtype).max)
        if largest > most:
            raise ValueError(
                f"states must be at most {most:,.0f} to be kept as {self.dtype}; got "
                f"{largest:,.0f}: keep them as float32"
            )
        counts = np.full(len(states), states.shape[1])
        if self._masked:
            counts = batch["attention_mask"].sum(1).cpu().numpy()
        for count in np.unique(counts[counts > 0]):  # a text without tokens has no states
            places = np.flatnonzero(counts == count)
            rows = states[places, :count].reshape(len(places), -1)
            yield int(count), places, rows.astype(self.dtype)


@contextmanager
def _inference(encoder: LayeredEncoder) -> Iterator[None]:
    with torch.inference_mode(), evaluating(cast(nn.Module, encoder)), fast_products():
        yield
