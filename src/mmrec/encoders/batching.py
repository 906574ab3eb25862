"""Raw values in batches: texts by a budget of tokens, images loaded ahead on threads."""

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

_TOKENS = 64  # tokens that stand for one image of a batch
_MOST_TEXTS = 16  # short texts that may stand for one image
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


def load_images(
    paths: Sequence[Path],
    transform: Callable[[Sequence[Path]], Tensor],
    batch_size: int,
    *,
    ahead: bool = True,
) -> Iterator[tuple[list[int], Tensor | None, dict[int, str]]]:
    """Transformed images in batches, decoded on threads.

    Args:
        paths: image files.
        transform: images to pixels, the transform of an encoder; one that can `crop` an image
            and `stack` crops separately normalises a batch at once.
        batch_size: images in a batch.
        ahead: decode the next batch while one is used.

    Yields:
        positions of the images of a batch, their pixels (None if there are none), and by
        position why the unreadable ones are left out.
    """
    split: Any = transform if hasattr(transform, "crop") else None
    decode: Callable[[Path], Any] = split.crop if split else lambda path: transform([path])
    join: Callable[[list[Any]], Tensor] = split.stack if split else torch.cat
    waiting: deque[tuple[int, Future[tuple[Any, str]]]] = deque()
    with ThreadPoolExecutor(min(cpu_count() or 1, 16)) as threads:

        def load(path: Path) -> tuple[Any, str]:
            try:
                return decode(path), ""
            except ImageError as error:
                return None, str(error)

        coming = iter(enumerate(paths))
        try:
            while True:
                room = (1 + ahead) * batch_size - len(waiting)
                for position, path in islice(coming, room):
                    waiting.append((position, threads.submit(load, path)))
                if not waiting:
                    return
                batch = [waiting.popleft() for _ in range(min(batch_size, len(waiting)))]
                loaded = {position: future.result() for position, future in batch}
                problems = {i: problem for i, (_, problem) in loaded.items() if problem}
                pixels = {i: value for i, (value, _) in loaded.items() if i not in problems}
                yield list(pixels), join(list(pixels.values())) if pixels else None, problems
        finally:
            for _, future in waiting:
                future.cancel()


def raw_batches(
    encoder: Any, values: list[str | Path], batch_size: int
) -> Iterator[tuple[list[int], Any, dict[int, str]]]:
    """Raw values in batches: positions, inputs for the encoder, and problems by position."""
    texts = [i for i, value in enumerate(values) if isinstance(value, str)]
    images = [i for i, value in enumerate(values) if not isinstance(value, str)]
    if texts:
        strings = [str(values[i]) for i in texts]
        for batch, inputs in load_texts(strings, encoder.transform, batch_size):
            yield [texts[i] for i in batch], inputs, {}
    paths = [Path(values[i]) for i in images]
    ahead = not _fills_processors(encoder)
    for batch, pixels, problems in load_images(paths, encoder.transform, batch_size, ahead=ahead):
        yield [images[i] for i in batch], pixels, {images[i]: p for i, p in problems.items()}


def _fills_processors(encoder: Any) -> bool:
    # Its threads wait for each other, so a thread that decodes beside them delays them all.
    device = next((p.device.type for p in encoder.parameters()), "cpu")
    return device == "cpu" and torch.get_num_threads() >= (cpu_count() or 1)
