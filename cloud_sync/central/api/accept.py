"""Choosing a representation by the Accept header (RFC 9110 section 12.5.1)."""

from collections.abc import Sequence


def preferred(accept: str, offered: Sequence[str]) -> str | None:
    """The one of `offered` that the client likes best, the first of equals; none where it takes none of them."""
    wanted = [_quality(accept, media_type) for media_type in offered]
    best = max(wanted)
    return offered[wanted.index(best)] if best > 0 else None


def _quality(accept: str, media_type: str) -> float:
    """The quality of the most specific range that matches; 0 where none does."""
    kind = media_type.partition("/")[0]
    specificity = {"*/*": 0, f"{kind}/*": 1, media_type: 2}
    best = (-1, 0.0)
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        if name in specificity:
            best = max(best, (specificity[name], _q(parameters)))
    return best[1]


def _q(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0  # NaN is neither, and would compare with nothing
    return 1.0
