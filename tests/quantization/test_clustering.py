import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from mmrec.quantization import kmeans, nearest
from mmrec.quantization.clustering import move_centers


def clouds(centers=5, each=40, seed=0):
    rng = np.random.default_rng(seed)
    middle = rng.normal(scale=10, size=(centers, 3))
    return torch.from_numpy((middle[:, None] + rng.normal(size=(centers, each, 3))).reshape(-1, 3))


def spread(vectors, centers):
    return float((vectors - centers[nearest(vectors, centers)]).square().sum())


def test_as_good_as_scikit_learn():
    vectors = clouds()
    theirs = KMeans(5, n_init=5, random_state=0).fit(vectors.numpy()).inertia_
    ours = min(spread(vectors, kmeans(vectors, 5, seed=seed)) for seed in range(5))
    assert ours == pytest.approx(theirs, rel=1e-6)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 99))
def test_nearest_is_that_of_a_loop(count, size, seed):
    rng = np.random.default_rng(seed)
    vectors, centers = rng.integers(-2, 3, (count, 2)), rng.integers(-2, 3, (size, 2))
    wanted = []
    for vector in vectors:
        distances = [((vector - center) ** 2).sum() for center in centers]
        wanted.append(distances.index(min(distances)))  # the first of equally near ones
    made = nearest(torch.from_numpy(vectors).float(), torch.from_numpy(centers).float())
    assert made.tolist() == wanted


def test_a_center_is_the_mean_of_its_vectors():
    vectors = clouds(seed=1)
    centers = kmeans(vectors, 7, seed=3, iterations=200)
    code = nearest(vectors, centers)
    for place, center in enumerate(centers):
        torch.testing.assert_close(vectors[code == place].mean(0), center)


def test_a_seed_decides_and_the_global_generator_does_not():
    vectors = clouds()
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = kmeans(vectors, 9, seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)
    assert torch.equal(kmeans(vectors, 9, seed=4), first)
    assert not torch.equal(kmeans(vectors, 9, seed=5), first)


def test_more_centers_than_vectors():
    vectors = torch.tensor([[1.0], [1.0], [4.0]])
    centers = kmeans(vectors, 6)
    assert centers.shape == (6, 1)
    assert centers[nearest(vectors, centers)].flatten().tolist() == [1.0, 1.0, 4.0]


def test_centers_without_vectors_move_to_those_that_are_furthest_from_theirs():
    points = torch.tensor([[0.0], [2.0], [10.0], [2.0]])
    centers = torch.tensor([[1.0], [99.0], [98.0], [97.0]])
    code, distance = nearest(points, centers), (points - 1).square().squeeze(1)
    moved = move_centers(points, centers, code, distance)
    assert moved.flatten().tolist() == [3.5, 10.0, 0.0, 2.0]  # ties in the order of the points
    same = torch.ones(3, 1)
    moved = move_centers(same, torch.tensor([[1.0], [9.0]]), code[:3], torch.zeros(3))
    assert moved.flatten().tolist() == [1.0, 9.0]  # nothing is apart from its center


@pytest.mark.parametrize(
    ("vectors", "size", "message"),
    [
        (torch.zeros(3, 2), 0, "size and iterations of at least 1; got 0 and 25"),
        (torch.zeros(0, 2), 1, "at least one vector; got none"),
        (torch.tensor([[1.0], [torch.nan]]), 1, "got NaN or infinity in 1 of 2 rows"),
    ],
)
def test_errors(vectors, size, message):
    with pytest.raises(ValueError, match=message):
        kmeans(vectors, size)


def test_another_width(unchecked):
    with pytest.raises(ValueError, match=r"of shape \(N, 3\); got \(2, 4\)"):
        nearest(torch.zeros(2, 4), torch.zeros(5, 3))
