from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "holdfast.inventory"
    label = "inventory"
