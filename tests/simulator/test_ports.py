"""Ports for what is started: free, in a row, and not given twice."""

import socket

from simulator.ports import PORTS, free_port, free_ports


def test_a_row_is_free_and_in_order() -> None:
    row = free_ports(8)
    assert row == list(range(row[0], row[0] + 8))
    assert set(row) <= set(PORTS)


def test_no_port_is_given_twice_in_a_while() -> None:
    assert len({free_port() for _ in range(50)}) == 50


def test_a_taken_port_is_passed_over() -> None:
    before = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", before + 1))
        taken.listen()
        assert free_port() != before + 1
