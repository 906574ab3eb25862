"""Names of columns that say in plain English or German what the columns hold."""

import re
from collections.abc import Collection

NUMBERS = {
    *("price", "cost", "amount", "revenue", "discount", "quantity", "qty", "count", "number"),
    *("hour", "day", "week", "weekday", "month", "year", "age", "rank", "page", "session"),
    *("latitude", "longitude", "lat", "lon", "lng", "zip", "id", "ids", "code", "hash", "index"),
    *("preis", "kosten", "betrag", "umsatz", "rabatt", "menge", "anzahl", "nummer"),
    *("stunde", "tag", "woche", "wochentag", "monat", "jahr", "alter", "rang", "seite", "plz"),
    *("breitengrad", "längengrad", "laengengrad"),
}
"""Words for numbers that are neither ratings nor what was watched."""

TEXTS = {
    *("country", "region", "city", "place", "location", "device", "browser", "os", "platform"),
    *("language", "lang", "locale", "currency", "timezone", "weekday", "day", "month", "season"),
    *("gender", "source", "medium", "referrer", "campaign", "carrier", "shop", "store"),
    *("land", "bundesland", "stadt", "ort", "gerät", "geraet", "betriebssystem", "plattform"),
    *("sprache", "währung", "waehrung", "wochentag", "monat", "geschlecht", "quelle", "filiale"),
}
"""Words for texts that are no event types."""

DURATIONS = {
    *("dwell", "watch", "watched", "listen", "listened", "play", "played", "viewed", "duration"),
    *("s", "sec", "secs", "second", "seconds", "ms", "millis", "milliseconds", "minutes"),
    *("dauer", "sekunden", "minuten"),
}
"""Words for durations and parts of them, which are never below 0."""

_LONG = 5
"""Letters from which on a word may end a compound, such as ``verkaufspreis``."""


def has_word(name: str, words: Collection[str]) -> bool:
    """Return whether the name of a column has one of some words, or a compound that ends in one.

    Example:
        >>> [has_word(name, NUMBERS) for name in ("unit_price", "unitPrice", "Verkaufspreis")]
        [True, True, True]
        >>> has_word("plan", NUMBERS), has_word("watched", NUMBERS)
        (False, False)
    """
    parts = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", "_", name).lower()
    found = re.findall(r"[^\W\d_]+", parts)
    ends = tuple(word for word in words if len(word) >= _LONG)
    return any(part in words or part.endswith(ends) for part in found)
