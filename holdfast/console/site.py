"""The console's site: Django's admin for login and frame, dressed by unfold; the pages are views of ours, all of them reads."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, path, reverse
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from holdfast.console.desk import Page, at_desk, remember
from holdfast.console.forms import LoginForm, PasswordForm
from holdfast.console.pages import cases, events, journal, messages, orders, payments, stock, today

#: Address, name, page. Anything else under /console/ is not there: no model is registered, so nothing can be added, changed
#: or deleted.
PAGES: tuple[tuple[str, str, Page], ...] = (
    ("", "index", today.today),
    ("orders/", "orders", orders.orders_list),
    ("orders/<str:key>/", "order", orders.order_page),
    ("payments/", "payments", payments.payments_list),
    ("payments/<str:key>/", "payment", payments.payment_page),
    ("events/", "events", events.events_list),
    ("events/<str:key>/", "event", events.event_page),
    ("cases/", "cases", cases.cases_list),
    ("cases/<str:key>/", "case", cases.case_page),
    ("messages/", "messages", messages.messages_list),
    ("messages/<str:key>/", "message", messages.message_page),
    ("journal/", "journal", journal.journal_list),
    ("journal/<str:key>/", "entry", journal.entry_page),
    ("stock/", "stock", stock.stock_list),
    ("stock/<str:key>/", "stock_row", stock.stock_page),
)
#: The sidebar: name, title, icon.
NAVIGATION = (
    ("index", "Today", "today"),
    ("orders", "Orders", "receipt_long"),
    ("payments", "Payments", "credit_card"),
    ("events", "Events", "webhook"),
    ("cases", "Cases", "flag"),
    ("messages", "Messages", "mail"),
    ("journal", "Journal", "account_balance"),
    ("stock", "Stock", "inventory_2"),
)


class Site(UnfoldAdminSite):
    """Login, logout, own password, the choice of a merchant, and the pages."""

    login_form: Any = LoginForm

    def get_urls(self) -> list[URLPattern | URLResolver]:
        def page(view: Page) -> Callable[..., HttpResponseBase]:
            return self.admin_view(at_desk(view, context=self.each_context))

        return [
            path("login/", self.login, name="login"),
            path("logout/", self.admin_view(self.logout), name="logout"),
            path("password/", self.admin_view(self.password_change, cacheable=True), name="password_change"),
            path("password/done/", self.admin_view(self.password_change_done, cacheable=True), name="password_change_done"),
            path("merchant/", self.admin_view(require_POST(self.choose_merchant)), name="choose_merchant"),
            *(path(address, page(view), name=name) for address, name, view in PAGES),
        ]

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """One's own password; other sessions of the login end."""
        view = PasswordChangeView.as_view(
            form_class=PasswordForm,
            success_url=reverse(f"{self.name}:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def choose_merchant(self, request: HttpRequest) -> HttpResponse:
        """Work for another merchant from now on. Changes the session and nothing else."""
        remember(request, request.POST.get("merchant", ""))
        return HttpResponseRedirect(reverse(f"{self.name}:index"))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        request.current_app = self.name
        frame: dict[str, Any] = super().each_context(request)
        return {
            **frame,
            "styles": [static("console/console.css")],
            "scripts": [static("console/console.js")],
            "site_title": "Holdfast",
            "site_header": "Holdfast",
            "site_subheader": "Console",
            "site_symbol": "anchor",
            "site_url": None,
            "site_favicons": [{"rel": "icon", "href": static("console/anchor.svg"), "type": "image/svg+xml"}],
            "is_fullwidth": "1",
        }

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        here = request.resolver_match.url_name if request.resolver_match else ""
        singular = {"order": "orders", "payment": "payments", "event": "events", "case": "cases", "message": "messages",
                    "entry": "journal", "stock_row": "stock"}  # fmt: skip
        items = [
            {
                "title": title,
                "icon": icon,
                "link": reverse(f"{self.name}:{name}"),
                "active": singular.get(here or "", here) == name,
                "has_permission": True,
            }
            for name, title, icon in NAVIGATION
        ]
        return [{"title": "", "items": items}]


console = Site(name="console")
