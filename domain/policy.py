"""What a lot promises its drivers, and what it costs: set by the operator, the same at central, hub and gate."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.money import Money
from domain.window import Window


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in whole seconds, but for `frames_kept_h`; `cancel_steps` are (seconds before the start, percent paid
    back), longest first.

    Raises ValueError for what could pay back more than was paid, or more for less notice.
    """

    hold_s: int = 600  # how long a spot is kept while the driver pays
    early_s: int = 900  # how long before its window a booking may enter
    grace_s: int = 900  # how long after the start of its window a spot is kept for who has not come
    silent_gate_wait_s: int = 900  # how much longer, while an entry gate that may have let them in is not heard
    no_show_fee_percent: int = 100  # what of the price the lot keeps when nobody comes
    move_s: int = 300  # how long before its window a booking leaves a spot on which somebody stands
    frames_kept_h: int = 72  # for how many hours gates keep the pictures that their decisions rest on; 0: none
    minimum_fee_minor: int = 0  # what an early exit, or a cancellation that pays back less than all, leaves the lot
    cancel_steps: tuple[tuple[int, int], ...] = ((86_400, 100), (3_600, 50), (0, 0))

    def __post_init__(self) -> None:
        times = (self.hold_s, self.early_s, self.grace_s, self.silent_gate_wait_s, self.move_s)
        if min(*times, self.frames_kept_h, self.minimum_fee_minor) < 0:
            raise ValueError("the times and the minimum fee of a policy are 0 or more")
        if not 0 <= self.no_show_fee_percent <= 100:
            raise ValueError("the no-show fee is 0 to 100 percent of the price")
        if any(not 0 <= percent <= 100 for _, percent in self.cancel_steps):
            raise ValueError("a cancel step pays back 0 to 100 percent")
        notices, percents = [step[0] for step in self.cancel_steps], [step[1] for step in self.cancel_steps]
        if notices != sorted(set(notices), reverse=True) or percents != sorted(percents, reverse=True):
            raise ValueError("cancel steps go from the longest notice down, and never pay back more for less")


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price for each started step of time.

    With a ceiling, each started 24 hours are priced for themselves, and never above it.
    """

    currency: str
    step_minutes: int
    step_minor: int
    day_max_minor: int | None = None

    def __post_init__(self) -> None:
        if self.step_minutes < 1 or self.step_minor < 0 or (self.day_max_minor or 0) < 0:
            raise ValueError("a tariff has steps of 1 minute or more, and prices of 0 or more")

    def price(self, window: Window) -> Money:
        """What the whole window costs when it is booked ahead."""
        if self.day_max_minor is None:
            return Money(self._steps_minor(window.length), self.currency)
        days, rest = divmod(window.length, timedelta(days=1))
        day_minor = min(self._steps_minor(timedelta(days=1)), self.day_max_minor)
        return Money(days * day_minor + min(self._steps_minor(rest), self.day_max_minor), self.currency)

    def _steps_minor(self, time: timedelta) -> int:
        return -(-time // timedelta(minutes=self.step_minutes)) * self.step_minor


def early_exit_refund(paid: Money, window: Window, left_at: datetime, policy: Policy) -> Money:
    """What goes back to a driver who left at `left_at`: the unused part of the window, less the minimum fee.

    What is kept is rounded down, so that a doubt is the driver's benefit. Nothing after the window's end, and all but
    the minimum fee before its start.
    """
    used = min(max(left_at - window.start, timedelta()), window.length)
    kept = paid.share(used // timedelta.resolution, window.length // timedelta.resolution)
    return Money(max(paid.amount_minor - max(kept.amount_minor, policy.minimum_fee_minor), 0), paid.currency)


def cancel_refund(paid: Money, window: Window, cancelled_at: datetime, policy: Policy) -> Money:
    """What goes back to a driver who cancelled at `cancelled_at`: the first step whose notice they gave."""
    notice_s = (window.start - cancelled_at).total_seconds()
    percent = next((percent for least_s, percent in policy.cancel_steps if notice_s >= least_s), 0)
    if percent == 100:
        return paid
    refund = paid.share(percent, 100)
    return Money(max(min(refund.amount_minor, paid.amount_minor - policy.minimum_fee_minor), 0), paid.currency)


def no_show_refund(paid: Money, policy: Policy) -> Money:
    """What goes back to a driver who surely did not come: all but the fee, which is rounded down."""
    fee = paid.share(policy.no_show_fee_percent, 100)
    return Money(paid.amount_minor - fee.amount_minor, paid.currency)
