"""Columns of items that look like texts and that nothing reads: their names are of any language."""

from shlex import quote

from mmrec.data import Catalog
from mmrec.data.likely_texts import as_modality, likely_texts
from mmrec.data.wording import listed, verb
from mmrec.recommender.check.finding import Finding, note, warning
from mmrec.recommender.check.used import Use, columns_in_use
from mmrec.recommender.options import Options

TEXT = "text"


def text_findings(catalog: Catalog, use: Use, options: Options) -> list[Finding]:
    """Return which columns look like texts by their values, and the ``--modalities`` to type.

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
        --modalities text:titel
    """
    named = options.modalities
    if options.text_template is not None or (named is not None and TEXT not in named):
        return []
    used = columns_in_use(catalog.frame, use, options)
    found = [name for name in likely_texts(catalog.frame) if name not in used]
    if not found:
        return []
    columns = use.content[TEXT].columns if TEXT in use.content else ()
    new = as_modality([*columns, *found])
    names = [*(use.content if named is None else named)]
    if TEXT not in names:
        names.insert(names.index("id") + 1 if "id" in names else 0, TEXT)
    typed = ",".join(new if name == TEXT else name for name in names)
    one = len(found) == 1
    return [
        (note if columns else warning)(
            "likely_texts",
            len(found),
            f"nothing reads {listed(found)}, which {verb(len(found), 'looks', 'look')} like "
            f"{'a text by its' if one else 'texts by their'} values",
            f"It is a guess. If {'it is one' if one else 'they are'}: --modalities {quote(typed)}",
            [catalog.frame[name].drop_nulls()[0] for name in found],
        )
    ]
