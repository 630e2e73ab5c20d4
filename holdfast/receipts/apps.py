from django.apps import AppConfig


class ReceiptsConfig(AppConfig):
    name = "holdfast.receipts"
    label = "receipts"
