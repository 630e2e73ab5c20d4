"""The routes."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from holdfast.gateway import (
    api,
    balance,
    charges,
    control,
    direct,
    disputes,
    endpoints,
    errors,
    events,
    ids,
    intents,
    pages,
    payouts,
    refunds,
    sessions,
)
from holdfast.gateway.idempotency import Answer
from holdfast.gateway.mercadopago import routes as mercadopago
from holdfast.gateway.pix import routes as pix
from holdfast.gateway.world import World

ROOMS = (sessions, intents, charges, refunds, disputes, events, balance, payouts, endpoints)
OPERATIONS = [operation for room in ROOMS for operation in room.OPERATIONS]


async def healthz(request: Request) -> Response:
    return PlainTextResponse("ok")


async def unknown(request: Request, _: Exception) -> Response:
    message = f"Unrecognized request URL ({request.method}: {request.url.path})."
    request_id = ids.new("req", 14)
    error = errors.ApiError(404, "invalid_request_error", message)
    return api.render(request, Answer(404, error.rendered(request_id), request_id))


def build(world: World) -> Starlette:
    routes = [
        Route("/healthz", healthz),
        *(Route(each.path, api.handler(each), methods=[each.method]) for each in OPERATIONS),
        *pages.ROUTES,
        *direct.ROUTES,
        *control.ROUTES,
        *mercadopago.ROUTES,
        *pix.ROUTES,
    ]
    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})
    app.state.world = world
    return app
