"""Loads modules without looking for garbage meanwhile: what is loaded stays, and to look through it again and again
takes a tenth to a fifth of the loading."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """For the imports within; garbage is looked for afterwards as before."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
