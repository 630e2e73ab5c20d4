from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "holdfast.catalog"
    label = "catalog"
