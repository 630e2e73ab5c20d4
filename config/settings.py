"""All settings, typed, read once. A missing or wrong one stops the start with one clear sentence."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from holdfast.kernel import clock, limits

BASE_DIR = Path(__file__).resolve().parent.parent


class Environment(BaseSettings):
    """Everything that comes from outside. Names are the environment's, in upper case; see docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", extra="ignore", frozen=True)

    database_url: str = Field("", validation_alias="DATABASE_URL")
    database_owner_url: str = Field("", validation_alias="DATABASE_OWNER_URL")
    database_check_url: str = Field("", validation_alias="DATABASE_CHECK_URL")
    secret_key: SecretStr = SecretStr("")
    encryption_keys: SecretStr = SecretStr("")
    debug: bool = False
    tls_proxy: bool = False
    allowed_hosts: str = "127.0.0.1,localhost,.localhost"
    home: Path = BASE_DIR / ".holdfast"
    host: str = "127.0.0.1"
    web_port: int = Field(8000, ge=1, le=65535)
    receiver_port: int = Field(8001, ge=1, le=65535)
    gateway_port: int = Field(8002, ge=1, le=65535)
    web_threads: int = Field(8, ge=1, le=64)
    email_url: str = "console:"
    email_from: str = "shop@localhost"
    log_json: bool = False
    log_requests: bool = False

    @field_validator("database_url", "database_owner_url", "database_check_url")
    @classmethod
    def _is_postgres(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"postgres", "postgresql"}:
            raise ValueError("must look like postgresql://user:password@host:5432/name (PostgreSQL 15 to 18)")
        return value


def _read() -> Environment:
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        name = name if name.startswith("DATABASE_") else f"HOLDFAST_{name.removeprefix('HOLDFAST_')}"
        sys.exit(f"holdfast: the setting {name} is wrong: {first['msg']}. See docs/settings.md.")


ENV = _read()


def database(url: str, *, role: str, pool: int = 0, read_only: bool = False) -> dict[str, Any]:
    """Django's description of a database from a URL. `role` is taken on connecting, whoever logs in."""
    parts = urlsplit(url)
    options = [
        f"-c role={role}" if role else "",
        f"-c lock_timeout={limits.LOCK_TIMEOUT_MS}",
        f"-c statement_timeout={0 if role == '' else limits.STATEMENT_TIMEOUT_MS}",
        f"-c idle_in_transaction_session_timeout={limits.IDLE_IN_TRANSACTION_MS}",
        # Our prepared statements look rows up by id, whatever the ids: planned once per connection (db/statements.py).
        "-c plan_cache_mode=force_generic_plan" if role == "holdfast_app" else "",
        f"-c holdfast.clock_offset_s={clock.OFFSET_S}" if clock.OFFSET_S else "",
        "-c default_transaction_read_only=on" if read_only else "",
    ]
    # Only what asks for it is prepared, and that at its first use (db/statements.py).
    extra: dict[str, Any] = {"options": " ".join(filter(None, options)), "connect_timeout": 5, "prepare_threshold": 1_000_000}
    extra.update(dict(parse_qsl(parts.query)))
    if pool:
        extra["pool"] = {"min_size": 1, "max_size": pool, "timeout": 5, "max_lifetime": 1800}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "holdfast",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or 5432),
        "CONN_MAX_AGE": 0,
        "OPTIONS": extra,
    }


_URL = ENV.database_url or "postgresql://holdfast_app@127.0.0.1:5432/holdfast"
_OWNER = ENV.database_owner_url or _URL

#: The worker's lanes keep a connection each (holdfast/worker/lanes.py).
WORKER_LANES = 11

DATABASES = {
    # The application: no rights over tables, row-level security applies.
    "default": database(_URL, role="holdfast_app", pool=max(ENV.web_threads, WORKER_LANES) + 2),
    # Whoever owns the tables; only `migrate` and the first start use it.
    "owner": database(_OWNER, role=""),
    # `holdfast check`: may see every merchant's rows and change none.
    "check": database(ENV.database_check_url or _OWNER, role="holdfast_check", read_only=True),
}

if not ENV.secret_key.get_secret_value() and not ENV.debug:
    sys.exit("holdfast: set HOLDFAST_SECRET_KEY to a long random text (./dev up makes one for itself). See docs/settings.md.")
SECRET_KEY = ENV.secret_key.get_secret_value() or "only-with-HOLDFAST_DEBUG"
DEBUG = ENV.debug
ALLOWED_HOSTS = [host.strip() for host in ENV.allowed_hosts.split(",") if host.strip()]
INSTALLED_APPS = [
    "holdfast.console",
    "holdfast.storefront",
    "unfold.apps.BasicAppConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "holdfast.db",
    "holdfast.merchants",
    "holdfast.customers",
    "holdfast.catalog",
    "holdfast.inventory",
    "holdfast.carts",
    "holdfast.orders",
    "holdfast.payments",
    "holdfast.promotions",
    "holdfast.receipts",
    "holdfast.ledger",
    "holdfast.fulfilment",
    "holdfast.inbox",
    "holdfast.outbox",
    "holdfast.idempotency",
    "holdfast.cases",
]
MIDDLEWARE = [
    "holdfast.api.middleware.Edge",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    # Other paths walk past these.
    "holdfast.console.middleware.Console",
    "holdfast.console.middleware.Sessions",
    "holdfast.console.middleware.Logins",
    "holdfast.console.middleware.Notices",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "customers.User"
#: Where a login leads when no page was asked for before it.
LOGIN_REDIRECT_URL = "/console/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = limits.MAX_BODY_BYTES
SECURE_CONTENT_TYPE_NOSNIFF = True
# Behind a proxy that ends TLS, its word says whether the browser's connection is secure: cookies and forms depend on it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.tls_proxy else None
LOGGING_CONFIG = None
STATIC_URL = "/static/"
# Files are served from where they lie in their packages: nothing has to be collected before a start. Their addresses carry a
# hash of their content, so a day in a browser's cache is safe.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 86_400
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "config.static.Versioned"},
}
SESSION_COOKIE_NAME = "holdfast_console"
SESSION_COOKIE_PATH = "/console/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(limits.STAFF_SESSION.total_seconds())
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"


def _email(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme == "file":
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": parts.path,
        }
    if parts.scheme in {"smtp", "smtps"}:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": parts.hostname or "localhost",
            "EMAIL_PORT": parts.port or 25,
            "EMAIL_HOST_USER": unquote(parts.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
            "EMAIL_USE_TLS": parts.scheme == "smtps",
            "EMAIL_TIMEOUT": 10,
        }
    sys.exit("holdfast: HOLDFAST_EMAIL_URL must start with console:, file:///folder, smtp:// or smtps://.")


globals().update(_email(ENV.email_url))
DEFAULT_FROM_EMAIL = ENV.email_from
