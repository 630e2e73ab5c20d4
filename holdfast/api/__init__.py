"""The HTTP API: translate a request, call a flow or a query, translate back. Nothing is decided here."""
