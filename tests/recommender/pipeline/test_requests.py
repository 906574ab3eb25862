from mmrec import Options
from mmrec.data import Catalog, Interactions
from mmrec.recommender.pipeline.data import split_log
from mmrec.recommender.pipeline.requests import ValidRequests


def test_a_history_that_only_says_no_is_no_history():
    events = {
        "user_id": [*"nnnnvvvvmmmm"],
        "item_id": [*"abcdabcdabcd"],
        "event": ["hide", "hide", *["view"] * 6, "hide", *["view"] * 3],
        "position": list(range(12)),
    }
    options = Options(modalities=("id",), split="leave-one-out")
    split = split_log(Interactions(events), options, Catalog({"item_id": [*"abcd"]}))
    requests = ValidRequests.of(split)
    assert [split.sequences.users[user] for user in requests.users] == ["v", "m"]
