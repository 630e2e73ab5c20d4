from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "holdfast.orders"
    label = "orders"
