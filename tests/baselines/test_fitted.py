import pytest

from mmrec.baselines import EASE, ItemKNN, Markov, Popularity
from mmrec.data import Histories


@pytest.mark.parametrize("baseline", [EASE, ItemKNN, Markov, Popularity])
def test_scores_before_fit_are_refused(baseline):
    with pytest.raises(ValueError, match=f"^{baseline.__name__} must be fitted first; call"):
        baseline().scores(Histories.of_items([[1]]))
