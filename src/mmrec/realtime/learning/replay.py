"""A uniform sample of all earlier examples, against forgetting."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mmrec.data import Histories
from mmrec.realtime.learning.examples import Examples


class Reservoir:
    """A uniform random sample, of fixed size, of all examples that were added.

    Only the last ``window`` events of a history are kept. All draws come from the generator of the
    caller, so the same examples and generators give the same reservoir.

    Args:
        size: the largest number of examples; 0 keeps none.
        window: events of a history.

    Raises:
        ValueError: ``size`` is negative, or ``window`` is not positive.

    References:
        Vitter, "Random sampling with a reservoir" (1985), algorithm R.

    Example:
        >>> reservoir = Reservoir(2, window=3)
        >>> items = Histories.of_items([[1, 2, 3, 4]])
        >>> one = torch.tensor([1])
        >>> reservoir.add(Examples(one, items, one, one, one), np.random.default_rng(0))
        >>> reservoir.sample(5, np.random.default_rng(0)).histories.items
        tensor([[2, 3, 4]])
    """

    def __init__(self, size: int, *, window: int = 50) -> None:
        if size < 0 or window < 1:
            raise ValueError(
                f"a reservoir expects size of 0 or more and a positive window; got {size}, {window}"
            )
        self.size, self.window = size, window
        self.count = self.seen = 0
        self.items = np.zeros((size, window + 1), dtype=np.int64)  # the last column: the target
        self.gap = np.zeros((size, window), dtype=np.float32)
        self.event_type = np.zeros((size, window), dtype=np.int64)
        self.since = np.full(size, -1.0, dtype=np.float32)
        self.last_type = np.zeros(size, dtype=np.int64)
        self.user = np.zeros(size, dtype=np.int64)
        self.fresh = np.zeros(size, dtype=np.int64)

    def __len__(self) -> int:
        return self.count

    def add(self, examples: Examples, rng: np.random.Generator) -> None:
        """Add examples; once the reservoir is full, each replaces another one by chance."""
        number = np.arange(len(examples))
        drawn = (rng.random(len(examples)) * (self.seen + number + 1)).astype(np.int64)
        room = self.size - self.count
        slot = np.where(number < room, self.count + number, drawn)
        taken = np.flatnonzero(slot < self.size)
        # If two examples have the same slot, the later one is kept.
        slots, last = np.unique(slot[taken][::-1], return_index=True)
        self._write(slots, examples, taken[::-1][last])
        self.count += min(room, len(examples))
        self.seen += len(examples)

    def sample(self, number: int, rng: np.random.Generator) -> Examples:
        """Return ``number`` different examples, or all if there are fewer."""
        rows = rng.choice(self.count, min(number, self.count), replace=False, shuffle=False)
        rows = np.sort(rows)
        steps = int((self.items[rows, :-1] > 0).sum(1).max(initial=1))
        columns = (self.items[rows, :steps], self.gap[rows, :steps], self.event_type[rows, :steps])
        return Examples(
            torch.from_numpy(self.user[rows]),
            replace(
                Histories.without_request(
                    *(torch.from_numpy(np.ascontiguousarray(c)) for c in columns)
                ),
                since=torch.from_numpy(self.since[rows]),
            ),
            torch.from_numpy(self.items[rows, -1]),
            torch.from_numpy(self.last_type[rows]),
            torch.from_numpy(self.fresh[rows]),
        )

    def forget(self, user: int) -> int:
        """Remove and overwrite a user's examples; return how many there were.

        The next examples take their places.
        """
        stay = np.flatnonzero(self.user[: self.count] != user)
        gone = self.count - len(stay)
        for array in self._arrays.values():
            array[: len(stay)] = array[stay]
            array[len(stay) :] = 0
        self.count = len(stay)
        return gone

    def state_dict(self) -> dict[str, Tensor]:
        """Return the examples and the counters as tensors."""
        tensors = {name: torch.from_numpy(a.copy()) for name, a in self._arrays.items()}
        return tensors | {"counters": torch.tensor([self.count, self.seen])}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: the state has another size or window.
        """
        for name, array in self._arrays.items():
            if tuple(state[name].shape) != array.shape:
                raise ValueError(
                    f"the reservoir expects {name} of shape {array.shape}; "
                    f"got {tuple(state[name].shape)}"
                )
        for name, array in self._arrays.items():
            array[...] = state[name].cpu().numpy()
        self.count, self.seen = map(int, state["counters"])

    @property
    def _arrays(self) -> dict[str, np.ndarray]:
        names = ("items", "gap", "event_type", "since", "last_type", "user", "fresh")
        return {name: getattr(self, name) for name in names}

    def _write(self, slots: np.ndarray, examples: Examples, rows: np.ndarray) -> None:
        chosen = examples.to("cpu").at(torch.from_numpy(rows))
        cut = chosen.histories.tail(self.window).padded(self.window)
        self.items[slots, :-1], self.items[slots, -1] = cut.items.numpy(), chosen.item.numpy()
        self.gap[slots], self.event_type[slots] = cut.gap.numpy(), cut.event_type.numpy()
        self.since[slots] = cut.since.numpy()
        self.last_type[slots] = chosen.event_type.numpy()
        self.user[slots] = chosen.user.numpy()
        self.fresh[slots] = chosen.fresh.clamp(max=self.window).numpy()
