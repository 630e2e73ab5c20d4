"""Floor 2: what a purchase costs. Pure functions of their arguments: no clock, no database, no settings."""
