"""H&M Personalized Fashion Recommendations (Kaggle, 2022): purchases, articles, customers."""

import polars as pl

from mmrec.data.loaders.source import Source, Tables, image_column

_TEXT = pl.String()


def read_hm(source: Source) -> Tables:
    """Read ``transactions_train.csv``, ``articles.csv``, ``customers.csv`` and ``images/``.

    Days are the only times. Equal rows are units of one purchase, so they are kept.
    """
    sales, articles, customers = source.need(
        "transactions_train.csv", "articles.csv", "customers.csv"
    )
    images = source.folder / "images"
    folder = images if images.is_dir() else None
    image = image_column(
        pl.format("{}/{}.jpg", pl.col("item_id").str.head(3), pl.col("item_id")), folder
    )
    purchases = source.csv(
        sales,
        {
            "t_dat": _TEXT,
            "customer_id": _TEXT,
            "article_id": _TEXT,
            "price": pl.Float64(),
            "sales_channel_id": pl.Int64(),
        },
    )
    day = pl.col("t_dat").str.to_date("%Y-%m-%d", strict=False)
    return Tables(
        events=(
            frame.with_columns(
                timestamp=day.cast(pl.Datetime("us")).dt.epoch("s").cast(pl.Float64),
                event=pl.lit("purchase"),
            )
            .drop("t_dat")
            .rename({"customer_id": "user_id", "article_id": "item_id"})
            for frame in purchases
        ),
        items=(
            frame.rename(
                {
                    "article_id": "item_id",
                    "prod_name": "title",
                    "detail_desc": "description",
                    "product_type_name": "category",
                }
            ).with_columns(image)
            for frame in source.csv(
                articles,
                {
                    "article_id": _TEXT,
                    "prod_name": _TEXT,
                    "product_type_name": _TEXT,
                    "detail_desc": _TEXT,
                },
            )
        ),
        users=(
            frame.rename({"customer_id": "user_id", "FN": "fn", "Active": "active"})
            for frame in source.csv(
                customers,
                {
                    "customer_id": _TEXT,
                    "FN": pl.Float64(),
                    "Active": pl.Float64(),
                    "age": pl.Float64(),
                },
            )
        ),
        images=folder,
        keep_repeats=True,
    )
