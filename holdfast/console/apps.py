from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "holdfast.console"
    label = "console"
