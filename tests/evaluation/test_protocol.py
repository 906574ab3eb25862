import json

import pytest

from mmrec.evaluation import RankingProtocol


def test_each_rule_changes_the_fingerprint():
    rules = [
        RankingProtocol(),
        RankingProtocol(filter_seen=False),
        RankingProtocol(ks=(5,)),
        RankingProtocol(max_length=50),
        RankingProtocol(targets="last"),
        RankingProtocol(targets="all"),
    ]
    assert len({rule.fingerprint for rule in rules}) == len(rules)
    assert RankingProtocol().fingerprint == RankingProtocol().fingerprint


def test_it_is_json():
    described = RankingProtocol().to_dict()
    assert json.loads(json.dumps(described)) == described


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match=r"targets must be one of .*; got 'first'"):
        RankingProtocol(targets="first")
    with pytest.raises(ValueError, match=r"ties must be one of .*; got 'for'"):
        RankingProtocol(ties="for")
    with pytest.raises(ValueError, match="1 or more; got"):
        RankingProtocol(ks=())
