"""The world outside: a sandbox payment gateway in its own process with its own books.

It speaks the wire formats of real providers, so that their official SDKs work against it, and it misbehaves on
request. It shares no code with the engine: what the two agree on, they agree on over HTTP.
"""
