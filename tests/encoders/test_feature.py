import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from mmrec.encoders import FeatureEncoder


def table(rows=40, columns=6, seed=0):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, columns)) @ generator.normal(size=(columns, columns))
    return torch.tensor(3 * values + 5, dtype=torch.float32)


def test_standardises_as_sklearn_does():
    features = table()
    want = StandardScaler().fit_transform(features.double().numpy())
    np.testing.assert_allclose(FeatureEncoder(6).fit(features)(features), want, atol=1e-5)


@pytest.mark.parametrize("dim", [6, 3])
def test_whitens_as_sklearn_does(dim):
    features = table()
    standard = StandardScaler().fit_transform(features.double().numpy())
    want = PCA(dim, whiten=True).fit_transform(standard) * np.sqrt(40 / 39)  # sklearn: n - 1
    got = FeatureEncoder(6, dim, whiten=True).fit(features)(features).numpy()
    signs = np.sign((want * got).sum(axis=0))
    np.testing.assert_allclose(got * signs, want, atol=1e-3)
    np.testing.assert_allclose(got.T @ got / 40, np.eye(dim), atol=1e-3)


def test_nothing_is_learned_without_a_new_width():
    assert not list(FeatureEncoder(6).parameters())
    assert not list(FeatureEncoder(6, 3, whiten=True).parameters())


def test_another_width_is_learned():
    encoder = FeatureEncoder(6, 4).fit(table())
    output = encoder(table())
    output.square().sum().backward()
    assert output.shape == (40, 4)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@given(st.integers(1, 4), st.floats(-1e6, 1e6, width=32))
@settings(max_examples=25, deadline=None)
def test_a_constant_column_is_zero(rows, constant):
    features = torch.randn(rows, 3)
    features[:, 1] = constant
    for whiten in (False, True):
        output = FeatureEncoder(3, whiten=whiten).fit(features)(features)
        assert output.isfinite().all()
        if not whiten:
            assert torch.equal(output[:, 1], torch.zeros(rows))


def test_a_repeated_column_adds_no_component():
    features = table(columns=2)
    twice = torch.cat([features, features], dim=1)
    output = FeatureEncoder(4, whiten=True).fit(twice)(twice)
    assert torch.equal(output[:, 2:], torch.zeros(40, 2))


def test_large_means_survive():
    features = table() + 1e4
    output = FeatureEncoder(6).fit(features)(features)
    assert torch.allclose(output.std(dim=0, correction=0), torch.ones(6), atol=1e-3)


def test_unfitted_passes_features_through():
    assert torch.equal(FeatureEncoder(6)(table()), table())


def test_training_on_an_accelerator_waits_for_no_check():
    # A number on the meta device can't be read.
    encoder, inputs = FeatureEncoder(3, 2).to("meta"), torch.ones(4, 3, device="meta")
    assert encoder.train()(inputs).shape == (4, 2)
    with pytest.raises((RuntimeError, NotImplementedError)):
        encoder.eval()(inputs)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_finite(bad):
    features = table()
    features[7, 2] = bad
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 40 rows"):
        FeatureEncoder(6).fit(features)
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 40 rows"):
        FeatureEncoder(6)(features)


def test_wrong_use():
    with pytest.raises(ValueError, match="width 6; got 5"):
        FeatureEncoder(6)(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="at least one item"):
        FeatureEncoder(6).fit(torch.zeros(0, 6))
    with pytest.raises(ValueError, match="dim_in 2 and dim 3"):
        FeatureEncoder(2, 3, whiten=True)


def test_arrays_are_features_too():
    features = table()
    from_array = FeatureEncoder(6).fit(features.numpy())
    assert torch.equal(from_array(features), FeatureEncoder(6).fit(features)(features))
