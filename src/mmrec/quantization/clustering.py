"""k-means: the centers of a cloud of vectors."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mmrec.layers import at_least_float32

CELLS = 2**24
"""Distances in memory at once: 128 MB."""


def kmeans(
    vectors: Float[Tensor, "N D"], size: int, *, seed: int = 0, iterations: int = 25
) -> Float[Tensor, "size D"]:
    """Return the centers of Lloyd's k-means, started by k-means++.

    The same vectors and seed give the same centers. A center that no vector is nearest to moves to
    the vector that is furthest from its own. If there are fewer different vectors than centers,
    some centers are copies of others.

    Args:
        vectors: computed in their own type, in float32 or wider, around their mean.
        size: number of centers, from 1.
        seed: seed of the first centers.
        iterations: most steps of Lloyd's algorithm; it stops when no vector changes its center.

    Raises:
        ValueError: there is no vector, one is NaN or infinite, or a number is below 1.

    References:
        Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding" (2007).

    Example:
        >>> kmeans(torch.tensor([[0.0], [1.0], [9.0], [11.0]]), 2).sort(dim=0).values
        tensor([[ 0.5000],
                [10.0000]])
    """
    if min(size, iterations) < 1:
        raise ValueError(
            f"kmeans expects size and iterations of at least 1; got {size} and {iterations}"
        )
    check_vectors("kmeans", vectors)
    if not len(vectors):
        raise ValueError("kmeans expects at least one vector; got none")
    points = at_least_float32(vectors.detach())
    middle = points.mean(0)
    points = points - middle  # a large mean and a small spread would cancel in the products
    centers = _first_centers(points, size, torch.Generator().manual_seed(seed))
    before: Tensor | None = None
    for _ in range(iterations):
        code, distance = _nearest(points, centers)
        if before is not None and torch.equal(code, before):
            break
        centers, before = move_centers(points, centers, code, distance), code
    return centers + middle


def nearest(vectors: Float[Tensor, "N D"], centers: Float[Tensor, "K D"]) -> Int[Tensor, " N"]:
    """Return the center that each vector is nearest to; of equally near ones, the first.

    Distances are computed in float64, so that a code does not depend on the vectors beside it.

    Raises:
        ValueError: vectors have another width than the centers, or one is NaN or infinite.

    Example:
        >>> nearest(torch.tensor([[0.2], [0.9]]), torch.tensor([[1.0], [0.0], [1.0]]))
        tensor([1, 0])
    """
    check_vectors("nearest", vectors, centers.shape[1])
    return _nearest(exact(vectors), exact(centers))[0]


def check_vectors(name: str, vectors: Tensor, width: int | None = None) -> None:
    """Raise a ``ValueError`` unless these are finite vectors of a width; None for any width."""
    wanted = "N, D" if width is None else f"N, {width}"
    if vectors.ndim != 2 or width not in (None, vectors.shape[1]):
        raise ValueError(f"{name} expects vectors of shape ({wanted}); got {tuple(vectors.shape)}")
    wrong = int((~vectors.isfinite().all(dim=1)).sum())
    if wrong:
        raise ValueError(
            f"{name} expects finite vectors; got NaN or infinity in {wrong} of {len(vectors)} rows"
        )


def exact(vectors: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return vectors in float64, or in float32 where a device (MPS) has nothing wider."""
    narrow = vectors.device.type == "mps"
    return vectors.detach().to(torch.float32 if narrow else torch.float64)


def _nearest(
    points: Float[Tensor, "N D"], centers: Float[Tensor, "K D"]
) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
    """Return the nearest center of each point, and the squared distance to it."""
    lengths = centers.square().sum(1)
    codes, distances = [], []
    for part in points.split(max(1, CELLS // len(centers))):
        least = (lengths - 2 * part @ centers.T).min(dim=1)
        codes.append(least.indices)
        distances.append((least.values + part.square().sum(1)).clamp(min=0))
    return torch.cat(codes), torch.cat(distances)


def _first_centers(
    points: Float[Tensor, "N D"], size: int, generator: torch.Generator
) -> Float[Tensor, "K D"]:
    """Return points, each drawn with a probability in proportion to its squared distance."""
    draws = torch.rand(size, generator=generator, dtype=torch.float64).tolist()
    chosen = [min(int(draws[0] * len(points)), len(points) - 1)]
    lengths = points.square().sum(1)
    left = _distances(points, lengths, chosen[0])
    for draw in draws[1:]:
        total = left.cumsum(0)
        if not float(total[-1]) > 0:  # every point is a center
            chosen.append(chosen[0])
            continue
        place = int(torch.searchsorted(total, float(total[-1]) * draw, right=True))
        chosen.append(min(place, len(points) - 1))
        left = torch.minimum(left, _distances(points, lengths, chosen[-1]))
    return points[chosen]


def _distances(
    points: Float[Tensor, "N D"], lengths: Float[Tensor, " N"], place: int
) -> Float[Tensor, " N"]:
    """Return the squared distance of each point to one of them."""
    found = (lengths - 2 * points @ points[place] + lengths[place]).clamp(min=0)
    found[place] = 0
    return found


def move_centers(
    points: Float[Tensor, "N D"],
    centers: Float[Tensor, "K D"],
    code: Int[Tensor, " N"],
    distance: Float[Tensor, " N"],
) -> Float[Tensor, "K D"]:
    """Return the means of the points of each center; one without points moves to the furthest.

    Args:
        points: the points.
        centers: the centers before.
        code: the center of each point.
        distance: squared distance of each point to its center.

    Example:
        >>> points, centers = torch.tensor([[0.0], [2.0], [10.0]]), torch.tensor([[1.0], [99.0]])
        >>> code, distance = torch.tensor([0, 0, 0]), torch.tensor([1.0, 1.0, 81.0])
        >>> move_centers(points, centers, code, distance).flatten()
        tensor([ 4., 10.])
    """
    counts = torch.bincount(code, minlength=len(centers))
    sums = torch.zeros_like(centers).index_add_(0, code, points)
    means = sums / counts.clamp(min=1).unsqueeze(1)
    empty = (counts == 0).nonzero().squeeze(1)
    furthest = distance.argsort(descending=True, stable=True)[: len(empty)]
    furthest = furthest[distance[furthest] > 0]
    means[empty] = centers[empty]
    means[empty[: len(furthest)]] = points[furthest]
    return means
