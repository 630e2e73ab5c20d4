from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "holdfast.payments"
    label = "payments"
