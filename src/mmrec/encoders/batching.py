"""Raw values in batches: texts by a budget of tokens, pictures loaded ahead on threads."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from os import cpu_count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmrec.data.images import ImageError

_TOKENS = 64  # tokens that stand for one picture of a batch
_MOST_TEXTS = 16  # short texts that may stand for one picture
_BLOCK = 10_000  # texts tokenised at once


def text_batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Positions of texts of similar length, longest first, in batches of similar work.

    A batch holds at most `64 * batch_size` tokens, padding included.

    Args:
        lengths: how many tokens each text has.
        batch_size: the size of a batch of texts of 64 tokens.

    Example:
        >>> list(text_batches([40, 256, 250, 40], batch_size=8))
        [[1, 2], [0, 3]]
    """
    budget = _TOKENS * batch_size
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        full = batch and (len(batch) + 1) * lengths[batch[0]] > budget
        if full or len(batch) == _MOST_TEXTS * batch_size:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def load_texts(
    texts: Sequence[str], transform: Any, batch_size: int
) -> Iterator[tuple[list[int], Any]]:
    """Tokenised texts in batches of like length: positions, and inputs for the encoder.

    Texts are tokenised a block at a time, so that their true lengths are known before they are
    put together, and a catalogue of any size needs little memory.

    Args:
        texts: the texts.
        transform: the transform of a text encoder. Of one that can't `tokenize` and `pad`
            separately, the length of a text is taken to be a token for four letters.
        batch_size: see `text_batches`.
    """
    for start in range(0, len(texts), _BLOCK):
        block = texts[start : start + _BLOCK]
        if hasattr(transform, "tokenize"):
            rows, load = transform.tokenize(block), transform.pad
            lengths = [len(row) for row in rows]
        else:
            rows, load = block, transform
            lengths = [len(text) // 4 + 2 for text in block]
        for batch in text_batches(lengths, batch_size):
            yield [start + i for i in batch], load([rows[i] for i in batch])


def load_pictures(
    paths: Sequence[Path],
    transform: Callable[[Sequence[Path]], Tensor],
    batch_size: int,
) -> Iterator[tuple[list[int], Tensor | None, dict[int, str]]]:
    """Transformed pictures in batches; the next batch is decoded while one is used.

    Args:
        paths: picture files.
        transform: pictures to pixels, the transform of an encoder.
        batch_size: pictures in a batch.

    Yields:
        positions of the pictures of a batch, their pixels (None if there are none), and by
        position why the unreadable ones are left out.
    """
    waiting: deque[tuple[int, Future[Tensor | str]]] = deque()
    with ThreadPoolExecutor(min(cpu_count() or 1, 16)) as threads:

        def load(path: Path) -> Tensor | str:
            try:
                return transform([path])
            except ImageError as error:
                return str(error)

        ahead = iter(enumerate(paths))
        try:
            while True:
                room = 2 * batch_size - len(waiting)
                for position, path in islice(ahead, room):
                    waiting.append((position, threads.submit(load, path)))
                if not waiting:
                    return
                batch = [waiting.popleft() for _ in range(min(batch_size, len(waiting)))]
                loaded = {position: future.result() for position, future in batch}
                pixels = {i: value for i, value in loaded.items() if isinstance(value, Tensor)}
                problems = {i: value for i, value in loaded.items() if isinstance(value, str)}
                stacked = torch.cat(list(pixels.values())) if pixels else None
                yield list(pixels), stacked, problems
        finally:
            for _, future in waiting:
                future.cancel()


def raw_batches(
    encoder: Any, values: list[str | Path], batch_size: int
) -> Iterator[tuple[list[int], Any, dict[int, str]]]:
    """Raw values in batches: positions, inputs for the encoder, and problems by position."""
    texts = [i for i, value in enumerate(values) if isinstance(value, str)]
    pictures = [i for i, value in enumerate(values) if not isinstance(value, str)]
    if texts:
        strings = [str(values[i]) for i in texts]
        for batch, inputs in load_texts(strings, encoder.transform, batch_size):
            yield [texts[i] for i in batch], inputs, {}
    paths = [Path(values[i]) for i in pictures]
    for batch, pixels, problems in load_pictures(paths, encoder.transform, batch_size):
        yield [pictures[i] for i in batch], pixels, {pictures[i]: p for i, p in problems.items()}
