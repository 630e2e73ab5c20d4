"""The addresses of the shop."""

from django.urls import path

from holdfast.storefront import carts, checkout, orders, shelves, small

app_name = "storefront"
urlpatterns = [
    path("", shelves.browse, name="home"),
    path("p/<slug:slug>", shelves.product, name="product"),
    path("cart", carts.show, name="cart"),
    path("cart/lines", carts.add, name="add"),
    path("cart/lines/<str:line>", carts.change, name="line"),
    path("cart/region", carts.region, name="region"),
    path("cart/coupon", carts.coupon, name="coupon"),
    path("cart/shipping", carts.shipping, name="shipping"),
    path("cart/reopen", carts.reopen, name="reopen"),
    path("checkout", checkout.check_out, name="checkout"),
    path("return/<str:key>", orders.returned, name="returned"),
    path("orders", orders.mine, name="orders"),
    path("orders/<str:token>", orders.show, name="order"),
    path("orders/<str:token>/return", orders.checking, name="checking"),
    path("orders/<str:token>/part", orders.part, name="part"),
    path("orders/<str:token>/payment", orders.pay, name="pay"),
    path("orders/<str:token>/cancellation", orders.cancel, name="cancel"),
    path("brand.css", small.brand, name="brand"),
    path("language", small.language, name="language"),
]
