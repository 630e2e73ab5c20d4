"""Floor 1: plain Python that every floor above may use. Knows no Django, no database, no provider."""
