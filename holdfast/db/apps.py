from django.apps import AppConfig


class DbConfig(AppConfig):
    name = "holdfast.db"
    label = "db"
