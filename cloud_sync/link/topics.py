"""The MQTT topics of wire version 1: one function each, so that a topic is spelt in one place."""

ROOT = "v1/lots"


def lot_status(lot: str) -> str:
    """Retained, with a last will: whether the lot's hub is on the link."""
    return f"{ROOT}/{lot}/status"


def lot_facts(lot: str, direction: str) -> str:
    """`up` from hub to central, `down` from central to hub; the answers are on `ack_of` the topic."""
    return f"{ROOT}/{lot}/facts/{direction}"


def lot_requests(lot: str, name: str) -> str:
    """Requests from central to a lot's hub, in MQTT 5 request/response."""
    return f"{ROOT}/{lot}/requests/{name}"


def lot_replies(lot: str, client: str) -> str:
    """Where the hub's answers to `client` go."""
    return f"{ROOT}/{lot}/replies/{client}"


def gate_status(gate: str) -> str:
    """Retained, with a last will: whether the gate is on the link, and how its lane is."""
    return f"{_gate(gate)}/status"


def gate_facts(gate: str, direction: str) -> str:
    """`up` from gate to hub, `down` from hub to gate."""
    return f"{_gate(gate)}/facts/{direction}"


def gate_requests(gate: str, name: str) -> str:
    """Requests from the lot's hub to a gate, in MQTT 5 request/response."""
    return f"{_gate(gate)}/requests/{name}"


def gate_replies(gate: str, client: str) -> str:
    """Where the gate's answers to `client` go."""
    return f"{_gate(gate)}/replies/{client}"


def ack_of(facts_topic: str) -> str:
    """Where the receiver of `facts_topic` says how far it has come."""
    return f"{facts_topic}/ack"


def _gate(gate: str) -> str:
    lot, _, name = gate.partition(".")
    return f"{ROOT}/{lot}/gates/{name}"
