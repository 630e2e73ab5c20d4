from django.apps import AppConfig


class CartsConfig(AppConfig):
    name = "holdfast.carts"
    label = "carts"
