"""The console's site: Django's admin for login and frame, dressed by unfold; the pages are views of ours, all of them reads."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from unfold.sites import UnfoldAdminSite


class Site(UnfoldAdminSite):
    """Login, logout, own password, and our pages. No model is registered: nothing can be added, changed or deleted."""

    site_title = "Holdfast"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            path("", self.admin_view(self.index), name="index"),
            path("login/", self.login, name="login"),
            path("logout/", self.admin_view(self.logout), name="logout"),
            path("password/", self.admin_view(self.password_change, cacheable=True), name="password_change"),
            path("password/done/", self.admin_view(self.password_change_done, cacheable=True), name="password_change_done"),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return TemplateResponse(request, "admin/index.html", self.each_context(request))


console = Site(name="console")
