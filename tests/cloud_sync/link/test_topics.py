from cloud_sync.link import topics


def test_topics_are_as_the_design_spells_them() -> None:
    assert topics.lot_status("riverside") == "v1/lots/riverside/status"
    assert topics.lot_facts("riverside", "up") == "v1/lots/riverside/facts/up"
    assert topics.lot_facts("riverside", "down") == "v1/lots/riverside/facts/down"
    assert topics.lot_requests("riverside", "hold") == "v1/lots/riverside/requests/hold"
    assert topics.lot_replies("riverside", "central-1") == "v1/lots/riverside/replies/central-1"
    assert topics.gate_status("riverside.entry-1") == "v1/lots/riverside/gates/entry-1/status"
    assert topics.gate_facts("riverside.entry-1", "up") == "v1/lots/riverside/gates/entry-1/facts/up"
    assert topics.ack_of(topics.gate_facts("riverside.entry-1", "down")) == (
        "v1/lots/riverside/gates/entry-1/facts/down/ack"
    )
