from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "holdfast.outbox"
    label = "outbox"
