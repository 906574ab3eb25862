"""Columns of items that look like texts and that nothing reads: their names are of any language."""

from shlex import quote

from mmrec.data import Catalog
from mmrec.data.given_columns import as_columns_option
from mmrec.data.likely_texts import as_modality, as_titles, likely_texts
from mmrec.data.text import TextTemplate
from mmrec.data.wording import listed, verb
from mmrec.recommender.check.finding import Finding, note, warning
from mmrec.recommender.check.used import Use, columns_in_use
from mmrec.recommender.options import Options

TEXT = "text"


def text_findings(catalog: Catalog, use: Use, options: Options) -> list[Finding]:
    """Return which columns look like texts by their values, and the options to type.

    They are ``--columns`` where the names ``title`` and ``description`` are free, since lists show
    titles, and ``--modalities`` for the other columns.

    A user who has named columns, a template or modalities without the usual text has chosen.

    Args:
        catalog: the items.
        use: what ``fit`` would use.
        options: its options.

    Example:
        >>> items = Catalog({"item_id": [1, 2], "titel": ["Rote Lampe", "Stuhl aus Holz"]})
        >>> [found] = text_findings(items, Use(None, {}), Options())
        >>> print(found.text, "-", found.advice)
        nothing reads titel, which looks like a text by its values - It is a guess. If it is one:
        --columns titel=title; lists then show titles
    """
    named = options.modalities
    if options.text_template is not None or (named is not None and TEXT not in named):
        return []
    used = columns_in_use(catalog.frame, use, options)
    found = [name for name in likely_texts(catalog.frame) if name not in used]
    if not found:
        return []
    read = use.content[TEXT].columns if TEXT in use.content else ()
    titles = as_titles(catalog.frame, found)
    rest = [name for name in found if name not in titles]
    typed = [as_columns_option(titles)] if titles else []
    if rest:
        renamed = [titles.get(name, name) for name in catalog.frame.columns]
        usual = _usual(renamed) if titles else [*read]
        names = [*(use.content if named is None else named)]
        if TEXT not in names:
            names.insert(names.index("id") + 1 if "id" in names else 0, TEXT)
        new = as_modality([*usual, *rest])
        listing = ",".join(new if name == TEXT else name for name in names)
        typed.append(f"--modalities {quote(listing)}")
    shown = "; lists then show titles" if "title" in titles.values() else ""
    one = len(found) == 1
    return [
        (note if read else warning)(
            "likely_texts",
            len(found),
            f"nothing reads {listed(found)}, which {verb(len(found), 'looks', 'look')} like "
            f"{'a text by its' if one else 'texts by their'} values",
            f"It is a guess. If {'it is one' if one else 'they are'}: {' '.join(typed)}{shown}",
            [catalog.frame[name].drop_nulls()[0] for name in found],
        )
    ]


def _usual(names: list[str]) -> list[str]:
    """Return the columns that a text joins if none are named."""
    return list(TextTemplate.guess(names).columns)
