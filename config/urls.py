"""What the web process answers."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from holdfast.api import problems
from holdfast.api.app import api
from holdfast.api.docs import asset

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/docs/assets/<str:name>", asset),
    path("", api.urls),
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problems.plain(request, 400)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problems.plain(request, 404)


def handler500(request: HttpRequest) -> HttpResponse:
    return problems.plain(request, 500)
