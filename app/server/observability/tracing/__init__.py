"""OpenTelemetry traces, enabled by its standard environment variables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .spans import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"


class TracingError(Exception):
    """The environment enables traces that are not supported. The message says what to do."""


def tracing_of(environment: Mapping[str, str], version: str) -> "Tracing | None":
    """Return the tracing that the environment enables, or None if it enables none.

    Raises `TracingError` for unsupported or invalid settings, or if the packages are missing.
    """
    if not _is_wanted(environment):
        return None
    _check(environment)
    try:
        # Optional dependency: import it only if traces are enabled.
        from .spans import Tracing  # noqa: PLC0415
    except ImportError:
        raise TracingError(
            "the environment enables traces (OTEL_…), but their packages are missing. "
            "Install requirements-otel.txt, or set OTEL_SDK_DISABLED=true."
        ) from None
    try:
        return Tracing(version)
    except ValueError as error:
        raise TracingError(f"the settings for traces (OTEL_…) are invalid: {error}") from None


def _is_wanted(environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER")
    if exporter:
        return exporter != "none"
    return any(environment.get(name) for name in _ENDPOINTS)


def _check(environment: Mapping[str, str]) -> None:
    if environment.get("OTEL_TRACES_EXPORTER") not in (None, "", "otlp"):
        raise TracingError("OTEL_TRACES_EXPORTER must be otlp or none")
    for name in _PROTOCOLS:
        if environment.get(name) not in (None, "", _PROTOCOL):
            raise TracingError(f"{name} must be {_PROTOCOL}, which every collector supports")
    for name in _ENDPOINTS:
        if not (environment.get(name) or "http://").startswith(("http://", "https://")):
            raise TracingError(f"{name} must start with http:// or https://")
