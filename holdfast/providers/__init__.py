"""Floor 2: translation between providers and us. No tables, no decisions; one folder per provider."""
