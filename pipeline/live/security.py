"""TLS and SASL for every client: aiokafka, faust and kafka-python take the same settings under different names."""

from __future__ import annotations

import ssl
from typing import Any

import faust

from pipeline.errors import ConfigError
from pipeline.kafka_settings import Settings


def context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context, or None without TLS; ConfigError names a file that cannot be used."""
    if "SSL" not in settings.security_protocol:
        return None
    try:
        made = ssl.create_default_context(cafile=settings.ssl_cafile or None)
        made.check_hostname = settings.ssl_check_hostname
        if settings.ssl_certfile:
            made.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(f for f in (settings.ssl_cafile, settings.ssl_certfile, settings.ssl_keyfile) if f)
        raise ConfigError(f"[live] ssl: expected readable PEM files, got {error} ({files})") from None
    return made


def client(settings: Settings) -> dict[str, Any]:
    """Options of an aiokafka or kafka-python client.

    >>> client(Settings())["security_protocol"]
    'PLAINTEXT'
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "security_protocol": settings.security_protocol,
    }
    tls = context(settings)
    if tls is not None:
        options["ssl_context"] = tls
    if settings.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password,
        }
    return options


def credentials(settings: Settings) -> Any:
    """The same for faust; None without TLS and SASL."""
    tls = context(settings)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password,
            ssl_context=tls,
            mechanism=settings.sasl_mechanism,
        )
    return faust.SSLCredentials(context=tls) if tls is not None else None
