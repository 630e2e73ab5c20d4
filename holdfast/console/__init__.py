"""Floor 5: what the merchant's staff see. Read-only: no page of it writes a row of a merchant."""
