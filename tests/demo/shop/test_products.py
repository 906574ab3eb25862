import numpy as np
import pytest

from mmrec.demo.shop.products import CATEGORIES, VERBAL, VISUAL, draw_products


@pytest.fixture(scope="module")
def products():
    return draw_products(2000, np.random.default_rng(0))


def test_codes_name_their_values(products):
    assert len(products) == 2000
    for codes, values in ((products.visual, VISUAL), (products.verbal, VERBAL)):
        assert list(codes) == list(values)
        for name in values:
            assert set(codes[name]) == set(range(len(values[name])))
    assert set(products.category) == set(range(len(CATEGORIES)))
    np.testing.assert_array_equal(products.category, products.visual["shape"] // 2)


def test_attributes_are_independent(products):
    codes = {**products.visual, **products.verbal}
    for first in codes:
        for second in codes:
            if first < second:
                table = np.zeros((codes[first].max() + 1, codes[second].max() + 1))
                np.add.at(table, (codes[first], codes[second]), 1)
                expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
                chi2 = ((table - expected) ** 2 / expected).sum()
                freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
                assert chi2 < freedom + 5 * np.sqrt(2 * freedom)


def test_what_is_missing(products):
    image, text = products.has_image, products.has_description
    assert (~image).mean() == pytest.approx(0.10, abs=0.002)
    assert (~text).mean() == pytest.approx(0.10, abs=0.002)
    assert (~image & ~text).mean() == pytest.approx(0.02, abs=0.002)
    assert np.isinf(products.launch).mean() == pytest.approx(0.04, abs=0.002)
    late = (products.launch >= 0.9) & np.isfinite(products.launch)
    assert late.mean() == pytest.approx(0.06, abs=0.002)


def test_prices_are_positive():
    for seed in range(5):
        assert (draw_products(500, np.random.default_rng(seed)).price > 0).all()
