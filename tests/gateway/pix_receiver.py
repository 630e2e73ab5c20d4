"""A receiver at the bank of API Pix: a client, a key, an address that hears callbacks. Every answer is held against a schema."""

import json
import re
import ssl
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import jsonschema
import pix_schemas

BASE = "/pix/api/v2"
#: What every successful answer of a path looks like.
SHAPES = [
    ("/cob", pix_schemas.CHARGE_LIST),
    ("/cob/[^/]+", pix_schemas.CHARGE),
    ("/pix", pix_schemas.PIX_LIST),
    ("/pix/[^/]+", pix_schemas.PIX),
    ("/pix/[^/]+/devolucao/[^/]+", pix_schemas.RETURN),
    ("/webhook/[^/]+", pix_schemas.WEBHOOK),
]
EVER = {"inicio": "2020-01-01T00:00:00Z", "fim": "2100-01-01T00:00:00Z"}


def check(body: object, schema: dict) -> None:
    jsonschema.Draft202012Validator(schema).validate(body)


class Receiver:
    def __init__(self, gateway) -> None:
        self.gateway = gateway
        self.client_id = f"client_{uuid.uuid4().hex}"
        self.secret = uuid.uuid4().hex
        self.key = f"{self.client_id[-20:]}@shop.example"
        self.http = httpx.Client(base_url=gateway.url, trust_env=False, timeout=10)
        self.headers = {"Authorization": f"Bearer {self.token().json()['access_token']}"}
        self.heard: list[dict] = []
        self.paths: list[str] = []

    def token(self, *, secret: str | None = None, **form) -> httpx.Response:
        said = {"grant_type": "client_credentials", **form}
        return self.http.post("/pix/oauth/token", data=said, auth=(self.client_id, secret or self.secret))

    def ask(self, method: str, path: str, body: object = None, **params) -> httpx.Response:
        """Answers are checked: a success against the schema of its path, anything else as a problem."""
        content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self.http.request(method, BASE + path, content=content, params=params or None, headers=self.headers)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            check(answer.json(), pix_schemas.PROBLEM)
            assert answer.json()["status"] == answer.status_code
        elif answer.content:
            (schema,) = [schema for shape, schema in SHAPES if re.fullmatch(shape, path)]
            check(answer.json(), schema)
        return answer

    def charge(self, txid: str | None = None, valor: str = "25.00", **more) -> dict:
        answer = self.ask("PUT", f"/cob/{txid or uuid.uuid4().hex}", {"valor": {"original": valor}, "chave": self.key, **more})
        assert answer.status_code == 201
        return answer.json()

    def pay(self, txid: str, **said) -> list[dict]:
        return self.gateway.control("POST", f"/pix/charges/{txid}/pay", **said)["pix"]

    def paid(self, valor: str = "25.00", **said) -> dict:
        """One Pix for a charge of its own."""
        (pix,) = self.pay(self.charge(valor=valor)["txid"], **said)
        return pix

    def give_back(self, e2eid: str, id_: str, valor: str, **more) -> httpx.Response:
        return self.ask("PUT", f"/pix/{e2eid}/devolucao/{id_}", {"valor": valor, **more})

    def settle(self, e2eid: str, id_: str, outcome: str = "succeeded") -> dict:
        return self.gateway.control("POST", f"/pix/received/{e2eid}/returns/{id_}/settle", outcome=outcome)

    def callbacks(self) -> list[dict]:
        return self.gateway.control("GET", f"/pix/clients/{self.client_id}/callbacks")["callbacks"]

    def listen(self, tls: ssl.SSLContext | None = None) -> None:
        """Until `close`. What is heard is checked and kept, one Pix after the other."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/webhooks/secret"
        assert self.ask("PUT", f"/webhook/{self.key}", {"webhookUrl": self.url}).status_code == 200

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(receiver: Receiver):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            check(body, pix_schemas.CALLBACK)
            receiver.paths.append(self.path)
            genuine = self.path == "/webhooks/secret/pix"
            if genuine:
                receiver.heard += body["pix"]
            self.send_response(200 if genuine else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler
