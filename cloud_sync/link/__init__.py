"""The link between gate, hub and central: topics, messages, facts that cannot get lost, seals and tickets."""
