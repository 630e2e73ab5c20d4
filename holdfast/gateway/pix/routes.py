"""The bank's routes."""

from starlette.routing import Route

from holdfast.gateway.pix import callbacks, charges, clients, control, pages, received, returns
from holdfast.gateway.pix.api import PREFIX, handler

OPERATIONS = [operation for room in (charges, received, returns, callbacks) for operation in room.OPERATIONS]
ROUTES = [
    *clients.ROUTES,
    *(Route(PREFIX + each.path, handler(each), methods=[each.method]) for each in OPERATIONS),
    *pages.ROUTES,
    *control.ROUTES,
]
