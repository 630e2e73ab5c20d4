"""The web process's application, for granian or any WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from config import logs
from config.settings import ENV
from holdfast.db.moves import PROCESS
from holdfast.kernel import faults

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
PROCESS["name"] = "web"
logs.configure(as_json=ENV.log_json, debug=ENV.debug)
faults.arm_from_environment()

application = get_wsgi_application()
