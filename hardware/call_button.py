"""The button by which a driver calls an attendant."""

from hardware.contact import Contact


class CallButton(Contact):
    """One button; `when_changed` is called with the new `pressed` (see `Contact`)."""

    @property
    def pressed(self) -> bool:
        """Whether it is held down."""
        return self.active
