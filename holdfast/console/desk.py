"""Who sits at the console, and for which merchant: the ground of every page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from holdfast.console.show import Shown
from holdfast.db.tenancy import reading
from holdfast.kernel.errors import NotFound
from holdfast.merchants import queries as merchants
from holdfast.merchants.models import Merchant
from holdfast.merchants.queries import Member

#: The session's choice of merchant, for who works for several.
CHOSEN = "console_merchant"


@dataclass(frozen=True)
class Desk:
    """A member of staff at work for one merchant."""

    merchant: Merchant
    role: str
    members: list[Member]
    show: Shown


@dataclass(frozen=True)
class View:
    """What a page answers: a template and what it tells."""

    template: str
    told: dict[str, Any] = field(default_factory=dict)


Page = Callable[..., View | HttpResponse]
Context = Callable[[HttpRequest], dict[str, Any]]


def at_desk(page: Page, *, context: Context) -> Callable[..., HttpResponseBase]:
    """A view that is only read, in one read-only transaction of the merchant that the session chose.

    Rows are read and the page is written inside of it: nothing is loaded later, outside the tenant's wall.
    """

    @wraps(page)
    @require_safe
    def view(request: HttpRequest, **given: Any) -> HttpResponseBase:
        members = merchants.memberships(_user_id(request.user))
        chosen = choose(request, members)
        frame = context(request)
        if chosen is None:
            return TemplateResponse(request, "console/nobody.html", {**frame, "title": "No merchant"}, status=403).render()
        with reading(chosen.merchant_id):
            merchant = merchants.current(chosen.merchant_id)
            desk = Desk(merchant, chosen.role, members, Shown(zone=zone_of(merchant), locale=merchant.locale))
            answer = page(desk, request, **given)
            if isinstance(answer, HttpResponse):
                return answer
            told = {**frame, "desk": desk, "show": desk.show, **answer.told}
            return TemplateResponse(request, answer.template, told).render()

    return view


def choose(request: HttpRequest, members: list[Member]) -> Member | None:
    """The membership that the session chose, else the first. A choice that is no membership any more counts for nothing."""
    wanted = request.session.get(CHOSEN)
    return next((member for member in members if str(member.merchant_id) == wanted), members[0] if members else None)


def remember(request: HttpRequest, merchant_id: str) -> None:
    """Choose a merchant for this session. Raises NotFound for one that this login does not work for."""
    members = merchants.memberships(_user_id(request.user))
    if merchant_id not in {str(member.merchant_id) for member in members}:
        raise NotFound("You do not work for this merchant.")
    request.session[CHOSEN] = merchant_id


def zone_of(merchant: Merchant) -> ZoneInfo:
    """The merchant's time zone; UTC where its name is unknown."""
    try:
        return ZoneInfo(merchant.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _user_id(user: Any) -> UUID:
    assert isinstance(user, AbstractBaseUser)  # the site lets nobody else in
    key: UUID = user.pk
    return key
