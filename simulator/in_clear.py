"""Looks for plates that stand in clear: as they are kept, or with spaces, dots or dashes between their parts."""

import re
from collections.abc import Iterable
from itertools import groupby

SHORT_PLATE = 6
"""Shorter plates turn up by chance inside longer random text; they are looked for as words of their own."""

_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]{2,}")
"""Plates are of these; most words stand in a file many times, and are looked at once."""

_IN_PARTS = re.compile(rb"(?<![A-Z0-9])[A-Z0-9]{1,4}(?:[ .-][A-Z0-9]{1,4}){1,3}(?![A-Z0-9])")
"""Plates as people write them, such as HH-AB 123."""

_BETWEEN = re.compile(rb"[ .-]")


class PlatesInClear:
    """Finds any of these plates."""

    def __init__(self, plates: Iterable[str]) -> None:
        known = sorted(set(plates))
        whole = _tree([plate for plate in known if len(plate) >= SHORT_PLATE])
        words = _tree([plate for plate in known if len(plate) < SHORT_PLATE])
        self._as_kept = _any_of(whole, words and f"(?<![A-Za-z0-9]){words}(?![A-Za-z0-9])")
        self._in_parts = _any_of(_tree(known))

    def found(self, stands: bytes) -> int | None:
        """Where one of them stands, in bytes; None where there is none."""
        words = b" ".join(set(_WORD.findall(stands)))
        if (plate := self._as_kept.search(words)) is not None:
            return stands.find(plate[0])
        for parts in sorted(set(_IN_PARTS.findall(stands))):
            if self._in_parts.fullmatch(_BETWEEN.sub(b"", parts)):
                return stands.find(parts)
        return None


def _any_of(*patterns: str) -> re.Pattern[bytes]:
    """One for all that are not empty; where all are, it finds nothing."""
    return re.compile("|".join(filter(None, patterns)).encode() or rb"(?!)")


def _tree(words: list[str]) -> str:
    """A pattern for sorted words that shares their beginnings: quick for thousands of them."""
    if words in ([], [""]):
        return ""
    branches = [re.escape(first) + _tree([word[1:] for word in group])
                for first, group in groupby((word for word in words if word), key=lambda word: word[0])]  # fmt: skip
    return f"(?:{'|'.join(branches)})" + ("?" if "" in words else "")
