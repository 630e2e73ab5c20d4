"""Errors in Mercado Pago's shape."""

WORDS = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict", 500: "internal_error"}


class Problem(Exception):
    """An answer that is no success: `{"message", "error", "status", "cause": [{"code", "description", "data"}]}`."""

    def __init__(self, status: int, message: str, *, error: str = "", code: int | str | None = None):
        super().__init__(message)
        self.status = status
        cause = [] if code is None else [{"code": code, "description": message, "data": None}]
        self.body = {"message": message, "error": error or WORDS[status], "status": status, "cause": cause}


def invalid(message: str, code: int | str | None = None, *, error: str = "") -> Problem:
    return Problem(400, message, code=code, error=error)


def missing(what: str, code: int = 2000) -> Problem:
    return Problem(404, f"{what} not found", code=code)


def wrong_state() -> Problem:
    return invalid("The action requested is not valid for the current payment state", 2063)


def broken() -> Problem:
    return Problem(500, "internal_error")
