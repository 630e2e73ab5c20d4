from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "holdfast.ledger"
    label = "ledger"
