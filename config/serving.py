"""How the web process is started: granian's arguments, for `holdfast serve` and for the benchmark, which serves the same way."""

from config.settings import ENV


def web_arguments(*, application: str = "config.wsgi:application", host: str | None = None, port: int | None = None) -> list[str]:
    """The arguments of `python`, for one process with threads."""
    threads = ENV.web_threads
    options = {
        "--interface": "wsgi",
        "--workers": "1",
        "--blocking-threads": str(threads),
        "--backlog": "1024",
        "--backpressure": str(2 * threads),
        "--host": host or ENV.host,
        "--port": str(port or ENV.web_port),
        "--log-level": "error",
    }
    flat = [word for pair in options.items() for word in pair]
    return ["-m", "granian", *flat, "--respawn-failed-workers", application]
