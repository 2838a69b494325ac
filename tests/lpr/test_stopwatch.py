"""A stopwatch adds stages up, also those that end in an error."""

import pytest

from lpr.stopwatch import Stopwatch


def test_stages_add_up_until_reset() -> None:
    watch = Stopwatch()
    with watch.stage("find"):
        pass
    once = watch.ms["find"]
    with watch.stage("find"), watch.stage("read"):
        pass
    assert watch.ms["find"] > once >= 0
    assert list(watch.ms) == ["find", "read"]
    watch.reset()
    assert watch.ms == {}


def test_a_stage_that_fails_is_timed() -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError, match="glare"), watch.stage("read"):
        raise ValueError("glare")
    assert watch.ms["read"] > 0
