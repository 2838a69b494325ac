"""A light barrier across the lane, under the arm."""

from hardware.contact import Contact


class Photocell(Contact):
    """One light barrier; `when_changed` is called with the new `interrupted` (see `Contact`)."""

    @property
    def interrupted(self) -> bool:
        """Whether something is in the beam; on a normally closed contact also when its power or cable is gone."""
        return self.active
