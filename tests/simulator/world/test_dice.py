import os
import secrets
from uuid import uuid4

from simulator.world.dice import dice, loaded


def drawn() -> tuple[str, str, int, bytes]:
    return uuid4().hex, secrets.token_hex(8), secrets.randbits(45), os.urandom(12)


def test_a_seed_draws_what_the_operating_system_would() -> None:
    with loaded(7):
        first = drawn()
    with loaded(7):
        again = drawn()
    with loaded(8):
        other = drawn()
    assert first == again
    assert not set(first) & set(other)


def test_afterwards_nobody_can_guess_any_more() -> None:
    with loaded(7):
        first = drawn()
    assert drawn() != first


def test_what_is_drawn_for_one_purpose_changes_nothing_for_another() -> None:
    before = dice(1, "bank").random()
    dice(1, "street").random()
    assert dice(1, "bank").random() == before != dice(1, "street").random()
