import pytest
import torch

from mmrec.data import Histories
from mmrec.evaluation import HistoryScorer
from mmrec.generative import GenerativeScorer, ItemCodes
from mmrec.quantization import SemanticIds

ROWS = [[3, 1, 2], [5], [], [7, 7, 1, 9]] * 12


def test_lists_are_the_best_scores_without_what_is_excluded(codes, small):
    given = codes()
    scorer, histories = GenerativeScorer(small(given), given), Histories.of_items(ROWS)
    assert isinstance(scorer, HistoryScorer)
    scores = scorer.scores(histories)
    exclude = torch.zeros(len(ROWS), 21, dtype=torch.bool)
    for row, items in enumerate(ROWS):
        exclude[row, items] = True
    top = scorer.top(histories, k=5, exclude=exclude)
    wanted = scores.masked_fill(exclude, -torch.inf).topk(5).indices
    assert torch.equal(top, wanted)
    assert not exclude.gather(1, top).any()
    assert torch.equal(scorer.top(histories, k=5), scores.topk(5).indices)


def test_what_is_excluded_takes_no_place_in_the_beam(codes, small):
    given = codes()
    scorer = GenerativeScorer(small(given), given, beam=1)
    histories = Histories.of_items([[3, 1]])
    exclude = torch.zeros(1, 21, dtype=torch.bool)
    listed = []
    while (top := scorer.top(histories, k=1, exclude=exclude))[0, 0] > 0:
        listed.append(int(top))
        exclude[0, listed] = True
    assert sorted(listed) == list(range(1, 21))  # a narrow beam finds each of them in the end


def test_a_long_history_is_its_last_items(codes, small):
    given = codes()
    scorer = GenerativeScorer(small(given, max_items=3), given)
    long, short = ([4, 5, 6, 3, 1, 2], [3, 1, 2])
    torch.testing.assert_close(*(scorer.scores(Histories.of_items([row])) for row in (long, short)))


def test_rows_do_not_depend_on_others(codes, small):
    given = codes()
    scorer = GenerativeScorer(small(given), given)
    together = scorer.scores(Histories.of_items(ROWS[:4]))
    alone = torch.cat([scorer.scores(Histories.of_items([row])) for row in ROWS[:4]])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert scorer.scores(Histories.of_items([[1]]).rows(torch.zeros(0).long())).shape == (0, 21)


def test_more_items_asked_for_than_there_are(codes, small):
    given = codes(items=5)
    top = GenerativeScorer(small(given), given, beam=2).top(Histories.of_items([[1]]), k=50)
    assert top.shape == (1, 6)
    assert int(top[0, -1]) == 0


def test_the_mode_of_the_model_stays(codes, small):
    given = codes()
    model = small(given, dropout=0.5).train()
    scorer, histories = GenerativeScorer(model, given), Histories.of_items([[3, 1]])
    assert torch.equal(scorer.scores(histories), scorer.scores(histories))
    assert model.training


def test_a_new_item_has_an_even_share_of_its_codes(small):
    vectors = torch.tensor([[0.0], [0.0], [9.0]])
    ids = SemanticIds.fit(vectors, levels=1, size=4)
    given = ItemCodes.of(ids)
    model = small(given)
    histories = Histories.of_items([[3, 1], []])
    before = GenerativeScorer(model, given).scores(histories)
    later = ids.assign(torch.tensor([[0.1]]))
    trained = torch.tensor([False, True, True, True, False])
    after = GenerativeScorer(model, ItemCodes.of(later, trained)).scores(histories)
    torch.testing.assert_close(after[:, :4], before)
    codes, _ = ids.codes[0].tolist()
    memory = model.encode(given.codes[histories.items], histories.mask)
    none = torch.zeros(2, 1, 0, dtype=torch.long)
    share = model.next_code(memory, none)[:, 0].log_softmax(1)[:, codes] - torch.tensor(3.0).log()
    torch.testing.assert_close(after[:, 4], share.detach())


def test_errors(codes, small):
    given = codes()
    model = small(given)
    with pytest.raises(ValueError, match="beam must be 1 or more; got 0"):
        GenerativeScorer(model, given, beam=0)
    with pytest.raises(ValueError, match="the model expects items of 3 codes; got 4"):
        GenerativeScorer(model, codes(levels=3))
    with pytest.raises(ValueError, match=r"codes below \[3, 3, 3\], level by level; got up to"):
        GenerativeScorer(small(codes(items=3)), codes(size=5))
