"""A Stripe that says what a test tells it to."""

import json

import pytest
import requests
import stripe


@pytest.fixture
def stripe_says(monkeypatch):
    """Each try gets the next of the answers: `(status, body[, headers])`, or an exception."""
    asked = []

    def script(*answers):
        left = list(answers)

        def request(self, method, url, headers, post_data=None):
            asked.append((method, url.partition("?")[0], headers.get("Idempotency-Key")))
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            status, body, *more = answer
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return content, status, requests.structures.CaseInsensitiveDict(more[0] if more else {})

        monkeypatch.setattr(stripe.RequestsClient, "request", request)
        return asked

    monkeypatch.setattr(stripe.HTTPClient, "_sleep_time_seconds", lambda *_: 0)
    return script
