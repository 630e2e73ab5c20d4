"""What providers send us: stored once, durably, before it is acknowledged."""
