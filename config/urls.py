"""What the web process answers."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from holdfast.api import problems
from holdfast.api.app import api
from holdfast.api.docs import asset
from holdfast.api.middleware import OURS
from holdfast.console.site import console
from holdfast.storefront import door

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/docs/assets/<str:name>", asset),
    path("console", RedirectView.as_view(url="/console/")),
    path("console/", console.urls),
    path("", include("holdfast.storefront.urls")),
    path("", api.urls),  # last: it takes the empty address for its own
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _told(request, 400)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _told(request, 404)


def handler500(request: HttpRequest) -> HttpResponse:
    return _told(request, 500)


def _told(request: HttpRequest, status: int) -> HttpResponse:
    """Programs get a problem, browsers a page."""
    return problems.plain(request, status) if request.path.startswith(OURS) else door.outside(request, status)
