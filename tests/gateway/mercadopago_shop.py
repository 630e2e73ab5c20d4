"""A shop as Mercado Pago's side of the gateway sees it: an account, the official SDK, a receiver."""

import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import mercadopago
from gateway_shop import wait_until
from mercadopago.config import RequestOptions
from mercadopago.http import HttpClient

SECRET = "the secret of the panel"
PRODUCTION = "https://api.mercadopago.com"


class Elsewhere(HttpClient):
    """The SDK has no option for another address."""

    def __init__(self, url: str):
        self._url = url

    def request(self, method, url, **more):
        return super().request(method, self._url + url.removeprefix(PRODUCTION), **more)


class MercadoPagoShop:
    """Its receiver writes down every delivery as (query, headers, body) and answers the next of `answers`, or 200."""

    def __init__(self, gateway, token: str | None = None):
        self.gateway = gateway
        self.token = token or f"TEST-{uuid.uuid4().hex}"
        self.sdk = mercadopago.SDK(self.token, http_client=Elsewhere(gateway.url))
        self.deliveries: list[tuple[dict, dict, bytes]] = []
        self.answers: list[int] = []

    def __enter__(self) -> "MercadoPagoShop":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _receiver(self))
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        self.gateway.listen(self.token, webhook_url=self.url, webhook_secret=SECRET)
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def key(self, key: str) -> RequestOptions:
        return RequestOptions(custom_headers={"x-idempotency-key": key})

    def preference(self, **more) -> dict:
        said = {
            "items": [{"title": "Tea", "quantity": 2, "unit_price": 12.5, "currency_id": "BRL"}],
            "external_reference": "ord_1",
            "back_urls": {"success": "https://shop.example/ok", "failure": "https://shop.example/cart", "pending": "https://shop.example/wait"},
        }  # fmt: skip
        answer = self.sdk.preference().create({**said, **more})
        assert answer["status"] == 201, answer
        return answer["response"]

    def pix(self, amount: float = 25.0, *, key: str | None = None, **more) -> dict:
        said = {"transaction_amount": amount, "payment_method_id": "pix", "payer": {"email": "ada@example.com"}}
        said["external_reference"] = "ord_1"
        answer = self.sdk.payment().create({**said, **more}, self.key(key) if key else None)
        assert answer["status"] in (200, 201), answer
        return answer["response"]

    def pay(self, preference: dict, card: str = "4242424242424242", **more) -> dict:
        return self.control(f"/preferences/{preference['id']}/pay", card=card, **more)

    def paid(self, amount: float = 25.0) -> dict:
        return self.control(f"/payments/{self.pix(amount)['id']}/settle", outcome="succeeded")

    def payment(self, id_: int) -> dict:
        return self.sdk.payment().get(id_)["response"]

    def control(self, path: str, **said) -> dict:
        return self.gateway.control("POST", f"/mercadopago{path}", **said)

    def books(self) -> dict:
        return self.gateway.books(self.token)["mercadopago"]

    def hear(self, count: int) -> list[tuple[dict, dict, bytes]]:
        wait_until(lambda: len(self.deliveries) >= count)
        return self.deliveries


def _receiver(shop: MercadoPagoShop):
    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = shop.answers.pop(0) if shop.answers else 200
            headers = {name.lower(): value for name, value in self.headers.items()}
            shop.deliveries.append((dict(parse_qsl(urlsplit(self.path).query)), headers, body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Receiver
