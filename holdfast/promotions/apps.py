from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    name = "holdfast.promotions"
    label = "promotions"
