"""Why there is no database: each is one sentence that says what to do."""


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used."""
