"""The interactive page of the API, from files inside the ninja package: it works without the internet."""

import json
from importlib.resources import files

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui-init.js": "text/javascript",
    "favicon.svg": "image/svg+xml",
}
#: Nothing from elsewhere; Swagger UI sets styles and images of its own.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/v1/docs/assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/v1/docs/assets/swagger-ui.css">
</head>
<body>
<script type="application/json" id="swagger-settings">{settings}</script>
<div id="swagger-ui"></div>
<script src="/v1/docs/assets/swagger-ui-bundle.js"></script>
<script src="/v1/docs/assets/swagger-ui-init.js"></script>
</body>
</html>
"""


class LocalSwagger(DocsBase):
    """Swagger UI without a CDN."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: object) -> HttpResponse:
        settings = {
            "url": self.get_openapi_url(api, {}),
            "layout": "BaseLayout",
            "deepLinking": True,
            "persistAuthorization": True,
        }
        response = HttpResponse(PAGE.format(title=api.title, settings=json.dumps(settings)))
        response["Content-Security-Policy"] = POLICY
        return response


def asset(request: HttpRequest, name: str) -> FileResponse:
    """One of the page's files."""
    if name not in ASSETS:
        raise Http404
    file = (files("ninja") / "static" / "ninja" / name).open("rb")
    return FileResponse(file, content_type=ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})
