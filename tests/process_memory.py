"""What this process has of memory, without what its allocator only holds back."""

import ctypes
import gc
import resource
from pathlib import Path


def address_space_bytes() -> int:
    """What `RLIMIT_AS` bounds."""
    return _pages()[0] * resource.getpagesize()


def resident_bytes() -> int:
    """As of now: less than at its peak."""
    return _pages()[1] * resource.getpagesize()


def _pages() -> list[int]:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return [int(count) for count in Path("/proc/self/statm").read_text(encoding="ascii").split()]
