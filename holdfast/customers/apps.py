from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "holdfast.customers"
    label = "customers"
