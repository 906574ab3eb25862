"""Names of event types that sound like a no."""

import re
from collections.abc import Iterable

_STEMS = (
    "ban block cancel complain complaint decline delete dislike dismiss downvote flag hide hidden "
    "mute refund reject remove report return skip spam unfavorite unfollow uninstall unlike "
    "unsubscribe"
).replace(" ", "|")
_NO = re.compile(rf"({_STEMS})(e?s|e?d|[a-z]?ing|l?ation|led|ned)?")


def sound_negative(types: Iterable[str]) -> list[str]:
    """Return the event types of some whose first or last word is one for a no, such as a return.

    Example:
        >>> sound_negative(["view", "return", "item_refunded", "Unsubscribe", "turn"])
        ['return', 'item_refunded', 'Unsubscribe']
    """
    return [name for name in types if _sounds_negative(name)]


def _sounds_negative(name: str) -> bool:
    words = re.findall(r"[a-z]+", name.lower())
    return any(_NO.fullmatch(word) for word in words[:1] + words[-1:])
