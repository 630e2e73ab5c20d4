from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    name = "holdfast.idempotency"
    label = "idempotency"
