"""What a unit tells systemd about itself: that it serves, that it is well, that it stops (sd_notify(3)).

It is one datagram a word to the socket that systemd names in the environment; without that, nothing is said. A unit
that says nothing for `WatchdogSec=` is killed and started anew.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

READY, STOPPING, WELL = "READY=1", "STOPPING=1", "WATCHDOG=1"


def notify(word: str) -> None:
    """Tell systemd, where it has started this process and wants to know. A socket that is gone is no reason to stop."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # abstract: it has a name and no file
        address = "\0" + address[1:]
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK  # the event loop waits for nobody
    with socket.socket(socket.AF_UNIX, kind) as to_systemd:
        try:
            to_systemd.sendto(word.encode(), address)
        except OSError as error:
            log.warning("systemd.not_told", extra={"what": word, "why": error.strerror})


def watchdog_s() -> float | None:
    """How often systemd wants to hear that this process is well; None where it does not."""
    whose, period_us = os.environ.get("WATCHDOG_PID", ""), os.environ.get("WATCHDOG_USEC", "")
    if not period_us.isdecimal() or int(period_us) == 0 or whose not in ("", str(os.getpid())):
        return None
    return int(period_us) / 1_000_000


async def _is_running() -> bool:
    return True


async def keep_saying_it_is_well(is_well: Callable[[], Awaitable[bool]] = _is_running) -> None:
    """Say so from this event loop for as long as `is_well` answers in time that it is, until cancelled.

    Returns at once where systemd does not want to know. Whatever hangs for as long as `WatchdogSec=` is not said over.
    """
    period_s = watchdog_s()
    if period_s is None:
        return
    while True:
        try:
            async with asyncio.timeout(period_s / 2):
                well = await is_well()
        except TimeoutError:
            well = False
        if well:
            notify(WELL)
        await asyncio.sleep(period_s / 4)
