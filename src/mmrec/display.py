"""What pages and tables show of data: templates of HTML, titles, names of baselines."""

from typing import Any

from mmrec.data import Catalog, ItemId

BASELINE_NAMES = {
    "popularity": "Popularity",
    "recent-popularity": "Recent popularity",
    "windowed-popularity": "Windowed popularity",
    "markov": "Markov chain",
    "item-knn": "Item-kNN",
    "ease": "EASE",
    "content-nearest": "Nearest in content",
}
"""What a reader sees for the names that a report has."""


def load_template(package: str, name: str, *, extra: str) -> Any:
    """Return a Jinja template that escapes its values; a value that it lacks is an error.

    Args:
        package: the package that has it in its folder ``templates``.
        name: its file.
        extra: the extra of mmrec to install where Jinja is missing.

    Raises:
        ImportError: Jinja is not installed.

    Example:
        >>> load_template("mmrec.cli", "compare.html.j2", extra="compare").name
        'compare.html.j2'
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ImportError(f'a page needs jinja2: pip install "mmrec[{extra}]"') from error
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def title_of(catalog: Catalog, item: ItemId) -> str:
    """Return the title of an item; "" where it has none.

    Example:
        >>> title_of(Catalog({"item_id": ["a"], "title": ["A lamp"]}), "a")
        'A lamp'
    """
    row = catalog.row(item)
    return str(row.get("title") or row.get("name") or "")
