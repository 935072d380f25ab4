"""The parameters of a database URL, which are libpq's, translated for asyncpg.

Each parameter behaves as in libpq, or is rejected by name. A weaker connection than the operator
requested would be worse than none.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")

# No value for standbys: Taskward writes.
_CHOICES = {
    "sslmode": _SSL_MODES,
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
    "target_session_attrs": ("any", "read-write", "primary"),
    "channel_binding": ("disable", "prefer", "require"),
    "pgbouncer": ("true", "false"),
    "ssl": ("true", *_SSL_MODES),  # the name for sslmode in some other drivers
    # The driver always behaves in this way, so only these values are accepted.
    "client_encoding": ("UTF8", "utf8", "UTF-8", "utf-8", "auto"),
    "gssencmode": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslnegotiation": ("postgres",),
    "sslsni": ("1",),
}
_FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl", "passfile")
_TLS = (
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcrl",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
)
_OF_DRIVER = ("sslmode", "sslrootcert", *_TLS, "passfile", "target_session_attrs")
"""What the driver itself reads from a URL and treats as libpq does."""
_OF_SERVER = ("application_name", "options")
_OTHERS = ("connect_timeout", "fallback_application_name")
_KNOWN = {*_CHOICES, *_OF_DRIVER, *_OF_SERVER, *_OTHERS}

_LONGEST_TIMEOUT = 300
_SYSTEM = "system"
_VERIFYING = ("verify-ca", "verify-full")
_USUAL_ROOT = "~/.postgresql/root.crt"


def driver_arguments(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of the driver for the parameters of a URL.

    Raises `ValueError` that names a parameter which is unknown or unsupported.
    """
    for name, value in parameters.items():
        _check(name, value)
    given = _as_of_libpq(parameters)
    arguments: dict[str, Any] = {}
    if given.get("sslrootcert") == _SYSTEM:
        arguments["ssl"] = _system_context(given)
        given = {name: value for name, value in given.items() if not name.startswith("ssl")}
    if of_driver := {name: given[name] for name in _OF_DRIVER if name in given}:
        arguments["dsn"] = f"postgresql://?{urlencode(of_driver)}"
    if of_server := {name: given[name] for name in _OF_SERVER if name in given}:
        arguments["server_settings"] = of_server
    if "connect_timeout" in given:
        arguments["timeout"] = int(given["connect_timeout"])
    return arguments


def _check(name: str, value: str) -> None:
    if name not in _KNOWN:
        raise ValueError(f"has the parameter {name}, which is unknown or unsupported")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ValueError(f"{name} must be one of {', '.join(_CHOICES[name])}")
    is_file = name in _FILES and (name, value) != ("sslrootcert", _SYSTEM)
    if is_file and not os.access(value, os.R_OK):
        raise ValueError(f"{name} must be a readable file ({value} is not)")
    if name == "connect_timeout" and not _is_timeout(value):
        raise ValueError(f"connect_timeout must be 1 to {_LONGEST_TIMEOUT} seconds")


def _is_timeout(value: str) -> bool:
    return value.isascii() and value.isdecimal() and 1 <= int(value) <= _LONGEST_TIMEOUT


def _as_of_libpq(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters with those that they imply."""
    given = dict(parameters)
    if "ssl" in given:
        given.setdefault("sslmode", "require" if given["ssl"] == "true" else given["ssl"])
    if "fallback_application_name" in given:
        given.setdefault("application_name", given["fallback_application_name"])
    if given.get("channel_binding") == "require":
        _verify_instead(given)
    if given.get("sslrootcert") == _SYSTEM:
        given.setdefault("sslmode", "verify-full")
    _check_root(given)
    return given


def _verify_instead(given: dict[str, str]) -> None:
    """Require a valid certificate in place of channel binding.

    With channel binding, an operator requires that nothing intercepts the connection. The driver
    does not support it. So the server must present a certificate for its host name, signed by a
    public authority unless the URL names another.
    """
    mode = given.setdefault("sslmode", "require")
    if mode not in ("require", *_VERIFYING):
        raise ValueError(f"cannot have both sslmode={mode} and channel_binding=require")
    if mode == "require":
        given["sslmode"] = "verify-full"
        given.setdefault("sslrootcert", _SYSTEM)


def _check_root(given: Mapping[str, str]) -> None:
    mode, root = given.get("sslmode"), given.get("sslrootcert")
    if root == _SYSTEM and mode != "verify-full":
        raise ValueError(f"sslmode must be verify-full with sslrootcert=system (it is {mode})")
    usual = os.environ.get("PGSSLROOTCERT") or _usual_root_exists()
    if mode in _VERIFYING and not (root or usual):
        raise ValueError(
            f"sslmode={mode} needs sslrootcert: the file of a trusted certificate, or system"
        )


def _usual_root_exists() -> bool:
    try:
        return Path(_USUAL_ROOT).expanduser().is_file()
    except RuntimeError:  # an account without a home folder
        return False


def _system_context(given: Mapping[str, str]) -> ssl.SSLContext:
    for name in _TLS:
        if name in given:
            raise ValueError(f"cannot have both {name} and sslrootcert=system")
    return ssl.create_default_context()
