"""Generative retrieval: a transformer writes the codes of the next item.

The data has its truth built in. Items belong to topics, and their vectors lie near that of their
topic. A user goes from topic to topic in a fixed order and takes any item there: a chain of items
learns slowly what codes say at once. An item that nobody has seen is found by its codes.

python examples/tiger.py
"""

import numpy as np
import torch

from mmrec.baselines import Markov, Popularity
from mmrec.data import Catalog, Histories, Interactions, split_by_time
from mmrec.evaluation import evaluate
from mmrec.generative import GenerativeScorer, ItemCodes, tiger
from mmrec.quantization import SemanticIds
from mmrec.training import fit_generative

TOPICS, EACH, USERS, STEPS = 10, 12, 150, 12


def make_data(seed: int = 0) -> tuple[dict[str, list], dict[str, list], torch.Tensor, np.ndarray]:
    """Return events, items, the vectors of items, and the middle of each topic."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(scale=3, size=(TOPICS, 16))
    topic = np.repeat(np.arange(TOPICS), EACH)
    vectors = middles[topic] + rng.normal(size=(len(topic), 16))
    topics = (rng.integers(TOPICS, size=(USERS, 1)) + np.arange(STEPS)) % TOPICS
    chosen = topics * EACH + rng.integers(EACH, size=topics.shape)
    events = {
        "user_id": [f"user{user}" for _ in range(STEPS) for user in range(USERS)],
        "item_id": [f"item{item}" for item in chosen.T.flatten()],
        "timestamp": list(range(USERS * STEPS)),
    }
    items = {"item_id": [f"item{item}" for item in range(len(topic))]}
    return events, items, torch.from_numpy(vectors).float(), middles


def main() -> None:
    """Train, compare with popularity and a Markov chain, and add an item."""
    events, items, vectors, middles = make_data()
    catalog = Catalog(items)
    split = split_by_time(Interactions(events), catalog)

    ids = SemanticIds.fit(vectors, levels=2, size=12)
    codes = ItemCodes.of(ids, split.train_counts > 0)
    print("codes of three items:", ids.codes[:3].tolist())
    torch.manual_seed(0)
    model = tiger(codes, dim=32, layers=1, hidden=64, max_items=4)
    fit_generative(model, codes, split, epochs=12, batch_size=64, lr=5e-3)

    found = {
        "TIGER": evaluate(GenerativeScorer(model, codes), split)["ndcg@10"],
        "TIGER, a beam of 10": evaluate(GenerativeScorer(model, codes, beam=10), split)["ndcg@10"],
        "Markov chain": evaluate(Markov().fit(split.train, len(catalog)), split)["ndcg@10"],
        "popularity": evaluate(Popularity().fit(split.train, len(catalog)), split)["ndcg@10"],
    }
    for name, value in found.items():
        print(f"{name:<20} NDCG@10 over the whole catalogue: {value:.3f}")
    assert found["TIGER"] > 1.3 * max(found["Markov chain"], found["popularity"])

    # A new item in topic 3. Its codes are those of its neighbours; no code of another item changes.
    new = torch.from_numpy(middles[3:4]).float()
    later = ids.assign(new)
    assert torch.equal(later.codes[:-1], ids.codes)
    known = np.append(split.train_counts > 0, False)
    scorer = GenerativeScorer(model, ItemCodes.of(later, known))
    topic_2, topic_7 = [2 * EACH + 1], [7 * EACH + 1]  # catalogue indices, from 1
    for name, history in (("topic 2", topic_2), ("topic 7", topic_7)):
        listed = scorer.top(Histories.of_items([history]), k=20)[0].tolist()
        place = listed.index(len(later)) + 1 if len(later) in listed else None
        print(f"after {name}, the new item of topic 3 is at place {place} of 20")
        assert (place is not None) == (name == "topic 2")


if __name__ == "__main__":
    main()
