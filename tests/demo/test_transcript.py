from mmrec.demo.story import tell_story
from mmrec.demo.transcript import comparison_table, story_text, verdict


def metrics(ndcg, cold=None):
    return {
        "ndcg@10": ndcg,
        "hr@10": 2 * ndcg,
        "coverage@10": 0.5,
        "cold": {} if cold is None else {"ndcg@10": cold},
    }


def test_the_table_has_a_line_for_each_and_columns_that_line_up():
    table = comparison_table({"text": metrics(0.2, 0.1)}, {"popularity": metrics(0.05)})
    head, popularity, text, note = table.splitlines()
    assert popularity.split() == ["popularity", "0.0500", "0.1000", "0.5000", "–"]
    assert text.split() == ["text", "0.2000", "0.4000", "0.5000", "0.1000"]
    assert len(head) == len(popularity) == len(text)
    assert note.startswith("new items")


def test_a_check_that_fails_is_said():
    checks = {
        "model_above_baselines": True,
        "both_above_each": False,
        "text_above_popularity": True,
        "image_above_popularity": True,
    }
    assert [line[:3].strip() for line in verdict(checks).splitlines()] == [
        "yes",
        "NO",
        "yes",
        "yes",
    ]


def test_a_story_names_what_is_clicked_and_where_lines_were(small_shop):
    recommender = small_shop.recommender
    story = tell_story(recommender, small_shop.split, clicks=2)
    text = story_text(story, recommender, shown=3)
    assert str(story.user) in text
    for step in story.steps[1:]:
        assert f"clicks on {recommender.catalog.row(step.clicked)['title']}" in text
    assert text.count("(was ") == 6
    new = sum(line.new for step in story.steps for line in step.lines[:3])
    assert text.count("[new: no event in training]") == new
