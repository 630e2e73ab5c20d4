"""Mercado Pago's part of the gateway's addresses."""

from starlette.routing import Route

from holdfast.gateway.mercadopago import chargebacks, pages, payments, preferences, refunds, search
from holdfast.gateway.mercadopago.api import handler

#: Searches come first: their paths look like an id's.
OPERATIONS = [each for room in (search, preferences, payments, refunds, chargebacks) for each in room.OPERATIONS]
ROUTES = [*(Route(each.path, handler(each), methods=[each.method]) for each in OPERATIONS), *pages.ROUTES]
