"""What the web process answers."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from holdfast.api import problems
from holdfast.api.app import api
from holdfast.api.docs import asset
from holdfast.console.site import console

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/docs/assets/<str:name>", asset),
    path("console", RedirectView.as_view(url="/console/")),
    path("console/", console.urls),
    path("", api.urls),
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problems.plain(request, 400)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problems.plain(request, 404)


def handler500(request: HttpRequest) -> HttpResponse:
    return problems.plain(request, 500)
