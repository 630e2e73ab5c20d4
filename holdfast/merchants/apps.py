from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    name = "holdfast.merchants"
    label = "merchants"
