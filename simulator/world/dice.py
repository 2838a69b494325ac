"""One seed draws everything: the world's own dice, and the operating system's, which product code asks.

`secrets`, `uuid4` and the nonces of seals come down to `os.urandom`. For the run it is replaced from outside, so that
product code has no switch for it.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager


def dice(seed: int, purpose: str) -> random.Random:
    """Dice for one purpose; what is drawn for one changes nothing for another."""
    return random.Random(f"{seed}:{purpose}")  # noqa: S311  a world, not a secret


@contextmanager
def loaded(seed: int) -> Iterator[None]:
    """Draw what the operating system would, from `seed`, while this lasts."""
    drawn = dice(seed, "operating system")
    urandom, system = os.urandom, random._urandom  # type: ignore[attr-defined]  # what SystemRandom asks
    os.urandom = random._urandom = drawn.randbytes  # type: ignore[attr-defined]
    try:
        yield
    finally:
        os.urandom, random._urandom = urandom, system  # type: ignore[attr-defined]
