"""Errors in Stripe's shape, and whether an idempotency key remembers them."""

DOCS = "https://docs.stripe.com/error-codes/"


class ApiError(Exception):
    """An answer that is not 200. `kept` says that execution had begun, so the idempotency key remembers it."""

    def __init__(
        self,
        status: int,
        type_: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kept: bool = True,
        more: dict | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.kept = kept
        self.body = {"message": message, "type": type_, **(more or {})}
        if code:
            self.body |= {"code": code, "doc_url": DOCS + code.replace("_", "-")}
        if param:
            self.body["param"] = param

    def rendered(self, request_id: str) -> dict:
        return {"error": {**self.body, "request_log_url": f"https://dashboard.stripe.com/logs/{request_id}"}}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """The parameters themselves are wrong: nothing began, so the key is free for a corrected request."""
    return ApiError(400, "invalid_request_error", message, code=code, param=param, kept=False)


def refused(message: str, *, param: str | None = None, code: str | None = None, more: dict | None = None) -> ApiError:
    """The state of an object forbids what was asked: remembered under the key, like any finished execution."""
    return ApiError(400, "invalid_request_error", message, code=code, param=param, more=more)


def missing(kind: str, id_: str, param: str = "id") -> ApiError:
    message = f"No such {kind}: '{id_}'"
    return ApiError(404, "invalid_request_error", message, code="resource_missing", param=param)


def broken(message: str = "Sorry! There was an error while talking to one of our backends.") -> ApiError:
    return ApiError(500, "api_error", message)


def unauthorized(message: str) -> ApiError:
    return ApiError(401, "invalid_request_error", message, kept=False)
