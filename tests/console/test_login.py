"""Who gets in, and what the door tells those who do not."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from holdfast.customers.models import User
from tests import build
from tests.console.staff import LISTS, PASSWORD, Office, browser

POLICY = "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "


def attempt(email: str, password: str) -> tuple[int, str]:
    """What a browser is told, without the token of its form and the e-mail that it typed."""
    answer = browser().post("/console/login/", {"username": email, "password": password})
    body = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())
    return answer.status_code, body.replace(email, "")


@pytest.mark.parametrize("page", LISTS)
def test_nobody_sees_a_page_without_a_login(office: Office, page: str) -> None:
    answer = browser().get(f"/console/{page}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/console/login/?next=/console/{page}")


def test_a_wrong_password_and_an_unknown_email_are_told_the_same(office: Office) -> None:
    known, unknown = attempt("ada@shop.test", "wrong"), attempt("eve@nowhere.test", "wrong")
    assert known == unknown
    assert (known[0], "correct email and password" in known[1]) == (200, True)


def test_a_customers_login_is_told_the_same_as_an_unknown_one(office: Office) -> None:
    User.objects.db_manager("owner").create_user("carl@shop.test", PASSWORD)
    assert attempt("carl@shop.test", PASSWORD) == attempt("eve@nowhere.test", PASSWORD)


def test_an_email_is_taken_in_any_case(office: Office) -> None:
    answer = browser().post("/console/login/", {"username": " Ada@Shop.TEST ", "password": PASSWORD, "next": "/console/"})
    assert answer.status_code == 302


@pytest.mark.parametrize("onward", [{}, {"next": "//evil.test/"}, {"next": "https://evil.test/"}])
def test_whoever_logs_in_without_a_page_in_mind_comes_to_today(office: Office, onward: dict[str, str]) -> None:
    """The address of the login itself may be bookmarked, or come in a link of somebody else's."""
    answer = browser().post("/console/login/", {"username": "ada@shop.test", "password": PASSWORD, **onward})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/")


def test_staff_who_work_for_nobody_are_told_so(office: Office) -> None:
    User.objects.db_manager("owner").create_user("olga@nowhere.test", PASSWORD, is_staff=True)
    client = browser()
    client.post("/console/login/", {"username": "olga@nowhere.test", "password": PASSWORD, "next": "/console/"})
    for page in LISTS:
        answer = client.get(f"/console/{page}")
        assert (answer.status_code, b"You work for no merchant yet" in answer.content) == (403, True)


def test_who_is_no_staff_any_more_is_out_at_once(office: Office) -> None:
    with office.database.as_owner() as connection:
        connection.execute("UPDATE customers_user SET is_staff = false WHERE email = 'ada@shop.test'")
    assert office.client.get("/console/").status_code == 302


def test_logging_out_ends_the_session(office: Office) -> None:
    assert office.client.post("/console/logout/").status_code == 200
    assert office.client.get("/console/").status_code == 302
    assert office.database.count("django_session") == 0


@pytest.mark.parametrize("secure", [False, True])
def test_the_cookie_is_for_this_browser_and_the_console_only(office: Office, secure: bool) -> None:
    answer = browser().post("/console/login/", {"username": "ada@shop.test", "password": PASSWORD}, secure=secure)
    cookie = answer.cookies["holdfast_console"]
    told = {name: cookie[name] for name in ("path", "httponly", "samesite", "secure", "max-age")}
    assert told == {
        "path": "/console/",
        "httponly": True,
        "samesite": "Lax",
        "secure": True if secure else "",
        "max-age": 43_200,
    }


@pytest.mark.parametrize("path", ["/console/login/", "/console/", "/console/orders/ord_nothing/"])
def test_every_page_loads_only_from_here_and_is_not_kept(office: Office, path: str) -> None:
    answer = office.client.get(path)
    assert answer.headers["Content-Security-Policy"].startswith(POLICY)
    assert (answer.headers["X-Frame-Options"], answer.headers["Referrer-Policy"]) == ("DENY", "same-origin")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]+', answer.content.decode()) == []


def test_the_api_pays_nothing_for_the_console(office: Office) -> None:
    """Also with the console's cookie: no session is loaded, none is written, no cookie is set."""
    office.client.cookies["holdfast_console"]["path"] = "/"
    with CaptureQueriesContext(connection) as asked:
        answer = office.client.get("/v1/products", headers={"authorization": f"Bearer {office.shop.pk}"})
    assert (answer.status_code, answer.cookies) == (200, {})
    assert [row["sql"] for row in asked if "session" in row["sql"] or "customers_user" in row["sql"]] == []


def test_a_form_of_another_site_is_refused(office: Office) -> None:
    strict = type(office.client)(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
    answer = strict.post("/console/login/", {"username": "ada@shop.test", "password": PASSWORD})
    assert answer.status_code == 403


def test_the_console_without_its_slash_leads_to_it(office: Office) -> None:
    answer = browser().get("/console")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/")


def test_what_the_console_shows_is_the_merchants(office: Office) -> None:
    order_id, _ = build.buy(office.shop, MUG=1)
    assert "Demo" in office.text(office.page_of(order_id))


def test_staff_change_their_own_password_and_nothing_else(office: Office) -> None:
    assert "password" in office.text("password/")
    words = {
        "old_password": PASSWORD,
        "new_password1": "another long enough phrase",
        "new_password2": "another long enough phrase",
    }
    answer = office.client.post("/console/password/", words)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/password/done/")
    office.get("password/done/")
    told = browser().post(
        "/console/login/", {"username": "ada@shop.test", "password": words["new_password1"], "next": "/console/"}
    )
    assert told.status_code == 302
