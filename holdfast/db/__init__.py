"""Floor 2: what Holdfast adds to the ORM. Laws, tenant context, locks, moves, due rows, payloads."""
