"""Batches of raw values: texts by a budget of tokens, images decoded by threads."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from os import cpu_count
from typing import Any

import torch
from torch import Tensor

from mmrec.data.images import ImageError, Picture

_TOKENS = 64  # tokens that count as one image of a batch
_MOST_TEXTS = 16  # most texts per image of a batch, however short
_BLOCK = 10_000  # texts tokenized at once


def text_batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Yield batches of texts of similar length, longest first, as positions.

    A batch of several texts has at most ``64 * batch_size`` tokens, padding included.

    Args:
        lengths: number of tokens of each text.
        batch_size: number of texts of 64 tokens in a batch.

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
    """Yield batches of tokenized texts of similar length: positions, and inputs for the encoder.

    Texts are tokenized a block at a time. So their lengths are known before they are batched, and
    a catalogue of any size needs little memory.

    Args:
        texts: the texts.
        transform: the transform of a text encoder. If it has no separate ``tokenize`` and ``pad``,
            the length of a text is estimated as one token per four letters.
        batch_size: see ``text_batches``.
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
    paths: Sequence[Picture],
    transform: Callable[[Sequence[Picture]], Tensor],
    batch_size: int,
    *,
    ahead: bool = True,
) -> Iterator[tuple[list[int], Tensor | None, dict[int, str]]]:
    """Yield batches of transformed images, decoded by threads.

    Args:
        paths: image files, or their bytes.
        transform: from images to pixels, the transform of an encoder. If it has separate ``crop``
            and ``stack``, threads crop and a whole batch is normalized at once.
        batch_size: images in a batch.
        ahead: decode the next batch while one is used.

    Yields:
        The positions of the readable images of a batch, their pixels (None if there are none),
        and, by position, why the others cannot be read.
    """
    split: Any = transform if hasattr(transform, "crop") else None
    decode: Callable[[Picture], Any] = split.crop if split else lambda path: transform([path])
    join: Callable[[list[Any]], Tensor] = split.stack if split else torch.cat
    for loaded in _decoded(paths, decode, batch_size, (1 + ahead) * batch_size):
        problems = {i: problem for i, (_, problem) in loaded.items() if problem}
        pixels = {i: value for i, (value, _) in loaded.items() if i not in problems}
        yield list(pixels), join(list(pixels.values())) if pixels else None, problems


def _decoded(
    paths: Sequence[Picture], decode: Callable[[Picture], Any], batch_size: int, most: int
) -> Iterator[dict[int, tuple[Any, str]]]:
    """Yield batches of decoded images and problems by position, at most ``most`` in memory."""
    waiting: deque[tuple[int, Future[tuple[Any, str]]]] = deque()

    def load(path: Picture) -> tuple[Any, str]:
        try:
            return decode(path), ""
        except ImageError as error:
            return None, str(error)

    coming = iter(enumerate(paths))
    with ThreadPoolExecutor(min(cpu_count() or 1, 16)) as threads:
        try:
            while True:
                for position, path in islice(coming, most - len(waiting)):
                    waiting.append((position, threads.submit(load, path)))
                if not waiting:
                    return
                batch = [waiting.popleft() for _ in range(min(batch_size, len(waiting)))]
                yield {position: future.result() for position, future in batch}
        finally:
            for _, future in waiting:
                future.cancel()


def raw_batches(
    encoder: Any, values: list[str | Picture], batch_size: int
) -> Iterator[tuple[list[int], Any, dict[int, str]]]:
    """Yield batches of raw values: positions, inputs for the encoder, problems by position."""
    texts = {i: value for i, value in enumerate(values) if isinstance(value, str)}
    pictures = {i: value for i, value in enumerate(values) if not isinstance(value, str)}
    if texts:
        places = list(texts)
        for batch, inputs in load_texts(list(texts.values()), encoder.transform, batch_size):
            yield [places[i] for i in batch], inputs, {}
    images, paths = list(pictures), list(pictures.values())
    ahead = not _fills_processors(encoder)
    for batch, pixels, problems in load_images(paths, encoder.transform, batch_size, ahead=ahead):
        yield [images[i] for i in batch], pixels, {images[i]: p for i, p in problems.items()}


def _fills_processors(encoder: Any) -> bool:
    # The encoder's threads wait for each other, so one decoding thread delays all of them.
    device = next((p.device.type for p in encoder.parameters()), "cpu")
    return device == "cpu" and torch.get_num_threads() >= (cpu_count() or 1)
