"""Rows in, recommendations out: fit, recommend, add a new item, save, load.

python examples/one_call.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import mmrec
from mmrec.demo import make_shop


def main() -> None:
    with TemporaryDirectory() as folder:
        shop = make_shop(Path(folder) / "shop", users=200, items=150)
        recommender = mmrec.Recommender.fit(
            shop / "interactions.csv",
            shop / "items.csv",
            images=shop / "images",
            options=mmrec.Options(modalities=("id", "text"), dim=32, epochs=5),
        )
        test = recommender.report["test"]
        print(f"NDCG@10 of {test['targets']} test events: {test['ndcg@10']:.3f}")

        history = ["p00003", "p00010"]
        titles = dict(recommender.catalog.frame.select("item_id", "title").iter_rows())
        for line in recommender.recommend(history, k=3):
            print(f"{line.item}  {line.score:6.2f}  {titles[line.item]}")
        cheap = recommender.recommend(history, k=3, where="price < 20")
        print("below 20:", [line.item for line in cheap])
        print("to a stranger:", recommender.recommend([], k=1)[0].reason)

        recommender.add_items({"item_id": ["new"], "title": [titles["p00003"]]})
        print("like p00003:", [line.item for line in recommender.similar("p00003", k=3)])

        recommender.save(Path(folder) / "RUN")
        again = mmrec.Recommender.load(Path(folder) / "RUN")
        assert again.recommend(history) == recommender.recommend(history)
        print("saved, loaded, and the list is the same")


if __name__ == "__main__":
    main()
