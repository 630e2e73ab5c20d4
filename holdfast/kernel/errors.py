"""Three families of errors, by what the caller must do about them.

A concrete error lives beside the function that raises it; its docstring is its message. A decline is news, not an exception.
"""

from typing import Any


class HoldfastError(Exception):
    """Something went wrong."""

    status = 500
    code = "error"

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        self.extra = extra
        super().__init__(self.detail)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            cls.code = "".join("_" + c.lower() if c.isupper() else c for c in cls.__name__).lstrip("_")


class Refused(HoldfastError):
    """The request cannot be done as it stands: change it."""

    status = 422


class NotFound(Refused):
    """There is no such thing here, or it is not yours to see."""

    status = 404


class Unauthorized(Refused):
    """The request does not say who is asking, or the proof does not hold."""

    status = 401


class Forbidden(Refused):
    """This key may not do that."""

    status = 403


class Conflict(HoldfastError):
    """Someone else was first: look again, then retry."""

    status = 409
    retry_after_s: int | None = None


class Broken(HoldfastError):
    """Ours or the provider's fault; nothing was lost, try again later."""

    status = 503
    retry_after_s: int | None = 2
