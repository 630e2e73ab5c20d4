"""How the web process is started: granian's arguments, for `holdfast serve` and for the benchmark, which serves the same way."""

from config.settings import ENV

#: Connections that one web process holds. granian's "backpressure" counts connections, not requests: browsers and proxies keep
#: theirs open between requests for up to 30 s, and those that keep quiet must not hold up the next visitor. An idle one costs
#: some kilobytes; requests wait for the threads.
CONNECTIONS = 1024


def web_arguments(*, application: str = "config.wsgi:application", host: str | None = None, port: int | None = None) -> list[str]:
    """The arguments of `python`, for one process with threads."""
    options = {
        "--interface": "wsgi",
        "--workers": "1",
        "--blocking-threads": str(ENV.web_threads),
        "--backlog": str(CONNECTIONS),
        "--backpressure": str(CONNECTIONS),
        "--host": host or ENV.host,
        "--port": str(port or ENV.web_port),
        "--log-level": "error",
    }
    flat = [word for pair in options.items() for word in pair]
    return ["-m", "granian", *flat, "--respawn-failed-workers", application]
