"""Money that came into a merchant's bank account, and what it was for."""
