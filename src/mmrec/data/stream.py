"""Batches from shards: streamed by row group, shuffled, shared by processes, resumable."""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from mmrec.data.batch import Batch, Collator
from mmrec.data.modalities import Source
from mmrec.data.shard_reader import ShardReader
from mmrec.data.shards import Shards
from mmrec.sampling import Sampler


class ShardStream(IterableDataset[Batch]):
    """The batches of an epoch over shards; memory holds a buffer of windows, not the log.

    Row groups come in an order that depends on seed and epoch. One after the other, their windows
    fill a buffer; a buffer is shuffled and cut into batches of windows of like length. Processes
    and their loader workers have each their own stretch of the epoch: every window is in one batch
    of one process, and all processes have equally many batches. (A row group on the border of two
    stretches is read by both, each keeping its own windows.)

    An iteration starts at the first batch that was not yet given, so that a stream which has loaded
    the state of another goes on where that one stopped. After its last batch the next epoch starts.

    Args:
        shards: the log.
        sources: the content of the catalogue, by modality.
        negatives: which items join a batch's pool, see :mod:`mmrec.sampling`.
        batch_size: windows in a batch of one process, at most.
        max_length: events in a window's history.
        buffer: windows that are shuffled together.
        seed: of shuffling and drawing.
        rank: number of this process, from 0.
        world: how many processes there are.
        workers: loader processes, see :class:`ShardLoader`; 0 for none.

    Raises:
        ValueError: a shard can't be read, or there are too few windows for so many processes.
    """

    def __init__(
        self,
        shards: Shards,
        sources: Mapping[str, Source],
        negatives: Sampler,
        *,
        batch_size: int = 64,
        max_length: int = 200,
        buffer: int = 8192,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
    ) -> None:
        super().__init__()
        if min(batch_size, max_length, buffer) < 1 or not 0 <= rank < world or workers < 0:
            raise ValueError(
                "ShardStream expects batch_size, max_length and buffer of 1 or more and a rank "
                f"below world; got {batch_size}, {max_length}, {buffer}, rank {rank} of {world}"
            )
        self.reader = ShardReader(shards, max_length)
        self.collate = Collator(self.reader.none, sources, negatives, seed=seed)
        self.seed, self.rank, self.world, self.workers = seed, rank, world, workers
        self.batch_size = batch_size
        self.run = max(buffer // batch_size, 1)
        """Batches that are cut from one buffer."""
        windows = int(self.reader.counts.sum())
        self.length = -(-windows // (batch_size * world))
        if self.length * world > windows or not windows:
            raise ValueError(
                f"{world} processes with a batch_size of {batch_size} can't have equally many "
                f"batches of {windows} windows"
            )
        self.epoch, self.given = 0, 0

    def __len__(self) -> int:
        """Batches of one process in an epoch."""
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of another epoch; that of the present one stays where it is."""
        if epoch != self.epoch:
            self.epoch, self.given = epoch, 0

    def advance(self) -> None:
        """Count one batch as given."""
        self.given += 1
        if self.given == self.length:
            self.epoch, self.given = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Return where the stream is, the same in every process."""
        return {"epoch": self.epoch, "given": self.given, "of": self._layout}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go where another stream was.

        Raises:
            ValueError: that stream was over other shards, or cut them into other batches.
        """
        if state["of"] != self._layout:
            raise ValueError(
                f"this stream can't go on where another was: it is of {self._layout}, the other "
                f"of {state['of']}"
            )
        self.epoch, self.given = state["epoch"], state["given"]

    @cached_property
    def _layout(self) -> dict[str, int]:
        """What decides which windows are in which batch."""
        names = ("seed", "batch_size", "run", "world", "workers", "length")
        layout: dict[str, int] = {name: getattr(self, name) for name in names}
        return layout | self.reader.fingerprint

    def __iter__(self) -> Iterator[Batch]:
        """Yield what is left of the epoch, or in a loader worker that worker's part of it."""
        info = get_worker_info()
        if info is None and self.workers == 0:
            for batch in self._batches(_Part(self.rank * self.length, self.length), self.given):
                self.advance()
                yield batch
            return
        if info is None or info.num_workers != self.workers:
            raise ValueError(
                f"this stream is made for {self.workers} workers: iterate over ShardLoader(stream)"
            )
        # A loader asks its workers in turns, from the first; the batch that comes next is the
        # business of another one where a stream goes on.
        worker = (info.id + self.given) % self.workers
        yield from self._batches(self._part(worker), -(-(self.given - worker) // self.workers))

    def _part(self, worker: int) -> "_Part":
        """Return the batches of a worker: as many as the others, or one more."""
        each, more = divmod(self.length, self.workers)
        start = self.rank * self.length + worker * each + min(worker, more)
        return _Part(start, each + (worker < more))

    def _batches(self, part: "_Part", skip: int) -> Iterator[Batch]:
        """Yield the batches of a part but the first ``skip``, without reading for these."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.reader.counts))
        total, epoch = int(self.reader.counts.sum()), self.epoch
        collate = copy(self.collate)  # iterators of one stream have each their own buffer
        for start in range(skip // self.run * self.run, part.count, self.run):
            first, count = part.start + start, min(self.run, part.count - start)
            # Batches of all processes share the windows as evenly as can be.
            ends = np.arange(first, first + count + 1) * total // (self.length * self.world)
            events, spans = self.reader.read(order, int(ends[0]), int(ends[-1]))
            draw = np.random.SeedSequence([self.seed, epoch, first])
            rng = np.random.default_rng(draw)
            # The draw of a batch depends on what the collator sees of it: places in a buffer.
            collate.sequences = events
            collate.seed = int(draw.generate_state(1, np.uint64)[0])
            batches = _like_lengths(spans, np.diff(ends), rng)
            for rows in batches[max(skip - start, 0) :]:
                yield collate(list(spans[rows]))


class ShardLoader:
    """A loader over a :class:`ShardStream`, with as many worker processes as the stream says.

    It keeps count of the batches that were given, which workers that load ahead can't know.

    Args:
        stream: the stream.
    """

    # Not `ShardStream`: the checks in tests stumble over what torch's dataset inherits from.
    def __init__(self, stream: Any) -> None:
        self.stream: ShardStream = stream
        self.sampler = stream  # Lightning calls `set_epoch` of a `sampler`

    def __len__(self) -> int:
        return len(self.stream)

    def __iter__(self) -> Iterator[Batch]:
        """Yield what is left of the epoch."""
        workers = self.stream.workers
        for batch in DataLoader(self.stream, batch_size=None, num_workers=workers):
            if workers:
                self.stream.advance()
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`ShardStream.state_dict`."""
        return self.stream.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See :meth:`ShardStream.load_state_dict`."""
        self.stream.load_state_dict(state)


@dataclass(frozen=True)
class _Part:
    """Consecutive batches of an epoch, counted over all processes."""

    start: int
    count: int


def _like_lengths(
    spans: Int[np.ndarray, "W 2"], sizes: Int[np.ndarray, " N"], rng: np.random.Generator
) -> list[Int[np.ndarray, " B"]]:
    """Cut shuffled rows of like length into batches of these sizes, in any order."""
    rows = rng.permutation(len(spans))
    rows = rows[np.argsort((spans[:, 1] - spans[:, 0])[rows], kind="stable")]
    batches = np.split(rows, np.cumsum(rng.permutation(sizes))[:-1])
    return [batches[i] for i in rng.permutation(len(batches))]
