from django.apps import AppConfig


class FulfilmentConfig(AppConfig):
    name = "holdfast.fulfilment"
    label = "fulfilment"
