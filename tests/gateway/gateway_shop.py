"""A shop as the gateway sees it: an account, an SDK client and a webhook receiver."""

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stripe

WEBHOOK_SECRET = "whsec_the_shop_and_the_gateway_know"
HEARD_WITHIN_S = 5


class Shop:
    """Its receiver writes down every delivery and answers the next of `answers`, or 200."""

    def __init__(self, gateway, secret_key: str | None = None):
        self.gateway = gateway
        self.key = secret_key or f"sk_test_{uuid.uuid4().hex}"
        self.client = stripe.StripeClient(
            self.key, base_addresses={"api": gateway.url}, max_network_retries=0, http_client=stripe.RequestsClient(timeout=10)
        )
        self.v1 = self.client.v1
        self.deliveries: list[tuple[bytes, dict]] = []
        self.answers: list[int] = []

    def __enter__(self) -> "Shop":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _receiver(self))
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()
        self.webhook_url = f"http://127.0.0.1:{self._server.server_port}/webhooks"
        self.gateway.listen(self.key, webhook_url=self.webhook_url, webhook_secret=WEBHOOK_SECRET)
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def order(self, amount: int = 1999, *, quantity: int = 1, key: str | None = None, **more) -> stripe.checkout.Session:
        price = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "Tea"}}
        params = {
            "mode": "payment",
            "success_url": "https://shop.example/ok?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/cart",
            "client_reference_id": "ord_1",
            "line_items": [{"price_data": price, "quantity": quantity}],
            "metadata": {"note": "session"},
            "payment_intent_data": {"metadata": {"order": "ord_1"}},
            **more,
        }
        return self.v1.checkout.sessions.create(params, {"idempotency_key": key} if key else {})

    def paid(self, amount: int = 1999, card: str = "4242424242424242", **more) -> stripe.checkout.Session:
        session = self.order(amount, **more)
        self.gateway.pay(session.id, card)
        return self.v1.checkout.sessions.retrieve(session.id)

    def books(self) -> dict:
        return self.gateway.books(self.key)

    def events(self) -> list[dict]:
        return [json.loads(body) for body, _ in self.deliveries]

    def types(self) -> list[str]:
        return sorted(event["type"] for event in self.events())

    def hear(self, count: int) -> list[str]:
        """Wait for so many deliveries; their types, sorted, because deliveries have no order."""
        wait_until(lambda: len(self.deliveries) >= count)
        return self.types()

    def recorded(self) -> list[str]:
        """The types of all events, oldest first."""
        return [event.type for event in self.v1.events.list({"limit": 100}).data][::-1]


def wait_until(true, within_s: float = HEARD_WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.01)


def _receiver(shop: Shop):
    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = shop.answers.pop(0) if shop.answers else 200
            shop.deliveries.append((body, dict(self.headers)))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Receiver
