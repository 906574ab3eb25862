"""Batches from shards: streamed by row group, shuffled, divided among processes, resumable."""

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
    """The batches of an epoch over shards; only a buffer of windows is in memory.

    Row groups are read in an order that depends on seed and epoch. Their windows fill a buffer,
    which is shuffled and cut into batches of windows of similar lengths. Each process, and each of
    its loader workers, has its own range of the epoch: every window is in one batch of one process,
    and all processes have the same number of batches. A row group on the border of two ranges is
    read by both; each uses only its own windows.

    Iteration starts at the first batch that was not given yet, so a stream that loads the state of
    another continues where that one stopped. The next epoch starts after the last batch.

    Args:
        shards: the log.
        sources: the content of the catalogue, by modality.
        negatives: sampler of the items that join a batch's pool, see :mod:`mmrec.sampling`.
        batch_size: windows in a batch of one process, at most.
        max_length: events in the history of a window, at most.
        buffer: number of windows that are shuffled together.
        seed: seed of shuffling and drawing.
        rank: number of this process, from 0.
        world: number of processes.
        workers: number of loader processes, see :class:`ShardLoader`; 0 for none.

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
        self.collate = Collator(self.reader.empty, sources, negatives, seed=seed)
        self.seed, self.rank, self.world, self.workers = seed, rank, world, workers
        self.batch_size = batch_size
        self.run = max(buffer // batch_size, 1)
        """Batches that are cut from one buffer."""
        windows = int(self.reader.counts.sum())
        self.length = -(-windows // (batch_size * world))
        if self.length * world > windows or not windows:
            raise ValueError(
                f"{world} processes with a batch_size of {batch_size} can't have equally many "
                f"batches; got {windows} windows"
            )
        self.epoch, self.given = 0, 0

    def __len__(self) -> int:
        """Return the number of batches of one process in an epoch."""
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of another epoch; do nothing if it is the current one."""
        if epoch != self.epoch:
            self.epoch, self.given = epoch, 0

    def advance(self) -> None:
        """Count one batch as given."""
        self.given += 1
        if self.given == self.length:
            self.epoch, self.given = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the stream, which is the same in every process."""
        return {"epoch": self.epoch, "given": self.given, "of": self._layout}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to the position of another stream.

        Raises:
            ValueError: that stream had other shards or other batches.
        """
        if state["of"] != self._layout:
            raise ValueError(
                f"state must be of a stream with the layout {self._layout}; got {state['of']}"
            )
        self.epoch, self.given = state["epoch"], state["given"]

    @cached_property
    def _layout(self) -> dict[str, int]:
        """The numbers that determine which windows are in which batch."""
        return {
            "seed": self.seed,
            "batch_size": self.batch_size,
            "run": self.run,
            "world": self.world,
            "workers": self.workers,
            "length": self.length,
        } | self.reader.fingerprint

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rest of the epoch, or in a loader worker the part of that worker."""
        info = get_worker_info()
        if info is None and self.workers == 0:
            for batch in self._batches(_Part(self.rank * self.length, self.length), self.given):
                self.advance()
                yield batch
            return
        if info is None or info.num_workers != self.workers:
            raise ValueError(
                f"a stream with {self.workers} workers must be iterated by ShardLoader(stream)"
            )
        # A loader takes batches from its workers in turn, starting with the first. In a resumed
        # stream the first worker therefore does the part of the one whose turn it was.
        worker = (info.id + self.given) % self.workers
        yield from self._batches(self._part(worker), -(-(self.given - worker) // self.workers))

    def _part(self, worker: int) -> "_Part":
        """Return the batches of a worker; workers differ by one batch at most."""
        each, more = divmod(self.length, self.workers)
        start = self.rank * self.length + worker * each + min(worker, more)
        return _Part(start, each + (worker < more))

    def _batches(self, part: "_Part", skip: int) -> Iterator[Batch]:
        """Yield the batches of a part after the first ``skip``, which are not read."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.reader.counts))
        total, epoch = int(self.reader.counts.sum()), self.epoch
        collate = copy(self.collate)  # each iterator of a stream has its own buffer
        for start in range(skip // self.run * self.run, part.count, self.run):
            first, count = part.start + start, min(self.run, part.count - start)
            # The windows are divided among all batches as evenly as possible.
            ends = np.arange(first, first + count + 1) * total // (self.length * self.world)
            events, spans = self.reader.read(order, int(ends[0]), int(ends[-1]))
            draw = np.random.SeedSequence([self.seed, epoch, first])
            rng = np.random.default_rng(draw)
            # The collator draws by the positions of windows, which repeat in each buffer.
            collate.sequences = events
            collate.seed = int(draw.generate_state(1, np.uint64)[0])
            batches = _like_lengths(spans, np.diff(ends), rng)
            for rows in batches[max(skip - start, 0) :]:
                yield collate(list(spans[rows]))


class ShardLoader:
    """A loader over a :class:`ShardStream`, with the worker processes of the stream.

    It counts the batches that were given; the workers load ahead, so they can't count them.

    Args:
        stream: the stream.
    """

    # Not annotated as `ShardStream`: the type checks in tests fail on the bases of torch's dataset.
    def __init__(self, stream: Any) -> None:
        self.stream: ShardStream = stream
        self.sampler = stream  # Lightning calls `set_epoch` of a `sampler`

    def __len__(self) -> int:
        return len(self.stream)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rest of the epoch."""
        workers = self.stream.workers
        for batch in DataLoader(self.stream, batch_size=None, num_workers=workers):
            if workers:
                self.stream.advance()
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return the state, see :meth:`ShardStream.state_dict`."""
        return self.stream.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load a state, see :meth:`ShardStream.load_state_dict`."""
        self.stream.load_state_dict(state)


@dataclass(frozen=True)
class _Part:
    """Consecutive batches of an epoch, counted over all processes."""

    start: int
    count: int


def _like_lengths(
    spans: Int[np.ndarray, "W 2"], sizes: Int[np.ndarray, " N"], rng: np.random.Generator
) -> list[Int[np.ndarray, " B"]]:
    """Return shuffled batches of these sizes, of rows of similar lengths."""
    rows = rng.permutation(len(spans))
    rows = rows[np.argsort((spans[:, 1] - spans[:, 0])[rows], kind="stable")]
    batches = np.split(rows, np.cumsum(rng.permutation(sizes))[:-1])
    return [batches[i] for i in rng.permutation(len(batches))]
