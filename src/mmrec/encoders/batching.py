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


def text_batches(
    texts: Sequence[str], batch_size: int, max_length: int | None = None
) -> Iterator[list[int]]:
    """Positions of texts of similar length, longest first, in batches of similar work.

    The number of characters stands for that of tokens (four to one), so nothing is tokenised
    twice. A batch holds about `64 * batch_size` tokens, padding included.

    Args:
        texts: the texts.
        batch_size: the size of a batch of texts of 64 tokens.
        max_length: tokens after which texts are cut.

    Example:
        >>> list(text_batches(["a" * 40, "b" * 2000, "c" * 2000, "d" * 40], batch_size=8))
        [[1], [2], [0, 3]]
    """
    budget = _TOKENS * batch_size
    batch: list[int] = []
    longest = 1
    for position in sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True):
        length = len(texts[position]) // 4 + 2
        length = length if max_length is None else min(length, max_length)
        longest = longest if batch else length
        full = (len(batch) + 1) * longest > budget or len(batch) == _MOST_TEXTS * batch_size
        if batch and full:
            yield batch
            batch, longest = [], length
        batch.append(position)
    if batch:
        yield batch


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
    longest = getattr(encoder.transform, "max_length", None)
    for batch in text_batches([str(values[i]) for i in texts], batch_size, longest):
        chosen = [texts[i] for i in batch]
        yield chosen, encoder.transform([values[i] for i in chosen]), {}
    paths = [Path(values[i]) for i in pictures]
    for batch, pixels, problems in load_pictures(paths, encoder.transform, batch_size):
        yield [pictures[i] for i in batch], pixels, {pictures[i]: p for i, p in problems.items()}
