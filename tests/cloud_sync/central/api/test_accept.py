"""Which representation a client gets for its Accept header."""

import pytest

from cloud_sync.central.api.accept import preferred

OFFERED = ("image/png", "image/svg+xml", "text/plain")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "image/png"),
        ("image/svg+xml", "image/svg+xml"),
        ("text/plain;q=0.5, image/*;q=0.4", "text/plain"),
        ("image/*, image/png;q=0", "image/svg+xml"),
        ("text/html, */*;q=0.1", "image/png"),
        ("text/html", None),
        ("image/png;q=0", None),
        ("image/png;q=much", None),
        ("", None),
        ("TEXT/PLAIN", "text/plain"),
        ("image/svg+xml ; level=1 ; Q=0.1 , text/plain ; q = 0.2", "text/plain"),
        ("text/plain, image/svg+xml", "image/svg+xml"),
        ("*/*;q=1, image/*;q=0.2", "text/plain"),
        ("image/png;q=nan, text/plain", "text/plain"),
        ("image/png;q=inf, text/plain;q=0.1", "text/plain"),
        ("image/png;q=-1", None),
        (",;,;q=1,", None),
    ],
)
def test_the_best_of_what_is_offered_is_chosen(accept: str, chosen: str | None) -> None:
    assert preferred(accept, OFFERED) == chosen
