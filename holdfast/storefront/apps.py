from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    name = "holdfast.storefront"
    label = "storefront"
