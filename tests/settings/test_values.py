"""Valid and invalid values of each setting."""

import pytest
from limits import parse

from tests.settings.settings_helpers import error_of, read


@pytest.mark.parametrize("limit", ["600/minute", "20 per 2 seconds", "1/day", "5/10 second"])
def test_a_rate_is_a_number_and_a_time(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    assert read(monkeypatch, RATE_LIMIT=limit).rate_limit == parse(limit)


def test_the_rate_limit_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, RATE_LIMIT="off").rate_limit is None


@pytest.mark.parametrize("limit", ["600", "0/minute", "-1/minute", "many", "5/fortnight"])
def test_what_is_no_rate_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    assert "RATE_LIMIT: must be off, or a limit such as" in error_of(monkeypatch, RATE_LIMIT=limit)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "valkey", "valkeys"])
def test_counters_are_kept_in_redis_or_valkey(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    settings = read(monkeypatch, RATE_LIMIT_STORAGE=f"{scheme}://:hunter2@cache:6379/1")
    storage = settings.rate_limit_storage
    assert storage is not None
    assert (
        storage.get_secret_value() == f"{scheme.replace('valkey', 'redis')}://:hunter2@cache:6379/1"
    )
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("url", ["memcached://cache", "cache:6379", "redis:///", "memory://"])
def test_counters_are_kept_nowhere_else(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert "RATE_LIMIT_STORAGE: must start with" in error_of(monkeypatch, RATE_LIMIT_STORAGE=url)


def test_published_keys_need_an_issuer_and_an_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    found = error_of(monkeypatch, JWKS_URL="https://id.example.com/jwks", JWT_ISSUER="")
    assert "JWT_ISSUER: is required with JWKS_URL" in found
    assert "JWT_AUDIENCE: is required with JWKS_URL" in found
    read(monkeypatch, JWT_ISSUER="https://id.example.com", JWT_AUDIENCE="taskward")


@pytest.mark.parametrize("url", ["file:///etc/jwks", "id.example.com/jwks", "/jwks"])
def test_published_keys_are_at_an_http_address(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert "JWKS_URL" in error_of(monkeypatch, JWKS_URL=url, JWT_ISSUER="i", JWT_AUDIENCE="a")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WORKERS", "many", "must be a whole number ('many')"),
        ("WORKERS", "0", "must be at least 1 ('0')"),
        ("TRUSTED_PROXY_HOPS", "11", "must be at most 10 ('11')"),
        ("MIGRATE_ON_START", "maybe", "must be true or false ('maybe')"),
        ("LOG_LEVEL", "INFO", "must be 'debug', 'info', 'warning' or 'error' ('INFO')"),
        ("JWKS_URL", "https://a:hunter2@[/jwks", "must be a URL such as https://"),
        ("JWKS_URL", "ftp://a/jwks", "must be a URL such as https://"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_is_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    found = error_of(monkeypatch, **{name: value})
    assert f"{name}: {message}" in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "origin",
    [
        *("https://app.example.com", "https://app.example.com:8443", "http://localhost:3000"),
        *("http://[::1]:5173", "http://192.168.0.7", "https://xn--bcher-kva.example"),
        *("https://my_app.example.com", "https://app.example.com.", "http://tauri.localhost"),
        *("capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://.", "app://-"),
        *("chrome-extension://abcdefghijklmnopabcdefghijklmnop", "wails://wails.localhost:34115"),
        "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
        "safari-web-extension://E2D3A6A0-0B1C-4D5E-8F90-A1B2C3D4E5F6",
        *("vscode-webview://1a2b", "file://", "com.example.app://localhost", "x-y+z1://host:80"),
    ],
)
def test_an_origin_has_any_scheme(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    other = "https://other.example.com"
    for text in (f"{origin},{other}", f" {origin} , {other} "):
        assert read(monkeypatch, CORS_ORIGINS=text).cors_origins == (origin, other)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("https://app.example.com/", "Write 'https://app.example.com'."),
        ("https://app.example.com/path?x#y", "Write 'https://app.example.com'."),
        ("https://app.example.com:443", "Write 'https://app.example.com'."),
        ("http://localhost:80", "Write 'http://localhost'."),
        ("https://app.example.com:08443", "Write 'https://app.example.com:8443'."),
        ("HTTPS://APP.EXAMPLE.COM", "Write 'https://app.example.com'."),
        ("https://user@app.example.com", "Write 'https://app.example.com'."),
        ("https:/app.example.com", "Write 'https://app.example.com'."),
        ("https://b\u00fccher.example", "Write 'https://xn--bcher-kva.example'."),
        ("http://127.1:3000", "Write 'http://127.0.0.1:3000'."),
        ("http://[0:0::1]:5173", "Write 'http://[::1]:5173'."),
        ("app.example.com", "Write 'https://app.example.com'."),
        ("localhost:5173", "Write 'http://localhost:5173'."),
        ("//app.example.com", "Write 'https://app.example.com'."),
        ("capacitor://localhost/", "Write 'capacitor://localhost'."),
        ("Capacitor://localhost", "Write 'capacitor://localhost'."),
        ("file:///android_asset", "Write 'file://'."),
        ("*", "Write each origin"),
        ("https://*.example.com", "Write each origin"),
        ("null", "Serve your front end"),
        ("https://a.example.com,,https://b.example.com", "Remove the comma"),
        ("https://a.example.com,", "Remove the comma"),
        ("https://a.example.com https://b.example.com", "separated by commas"),
        ('["https://a.example.com"]', "separated by commas"),
        ("ftp://app.example.com", "Write origins such as"),
        ("wss://app.example.com", "Write origins such as"),
        ("data:text/html,x", "Write origins such as"),
        ("javascript://x", "Write origins such as"),
        ("https://", "Write origins such as"),
        ("capacitor://", "Write origins such as"),
        ("https://app.example.com:99999", "Write origins such as"),
        ("https://app .example.com", "Write origins such as"),
        ("https://app.example.com\\evil", "Write 'https://app.example.com'."),
    ],
)
def test_what_is_not_an_exact_origin_is_refused_with_advice(
    monkeypatch: pytest.MonkeyPatch, text: str, advice: str
) -> None:
    found = error_of(monkeypatch, CORS_ORIGINS=f"https://ok.example.com,{text}")
    assert "CORS_ORIGINS: " in found
    assert advice in found


@pytest.mark.parametrize(
    "bind", ["127.0.0.1:8000", "0.0.0.0:80", "[::1]:8000", "localhost:1", "fd://3"]
)
def test_an_address_is_a_host_and_a_port_or_an_inherited_socket(
    monkeypatch: pytest.MonkeyPatch, bind: str
) -> None:
    assert read(monkeypatch, BIND=bind).bind == bind


@pytest.mark.parametrize(
    "bind",
    [
        *("8000", ":8000", "localhost", "localhost:", "localhost:65536", "unix:/run/x:1"),
        *("fd://", "fd://x", "fd://-1", "fd://9999999999"),
    ],
)
def test_what_is_not_an_address_is_refused(monkeypatch: pytest.MonkeyPatch, bind: str) -> None:
    found = error_of(monkeypatch, BIND=bind, METRICS_BIND=bind)
    assert [line.split()[:2] for line in found.splitlines()[1:]] == [
        ["BIND:", "must"],
        ["METRICS_BIND:", "must"],
    ]


def test_metrics_have_an_address_of_their_own_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch).metrics_bind is None
    assert read(monkeypatch, METRICS_BIND="[::1]:8001").metrics_bind == "[::1]:8001"
    found = error_of(monkeypatch, METRICS_BIND="127.0.0.1:8000")
    assert "METRICS_BIND: must differ from BIND" in found


@pytest.mark.parametrize(
    ("sent", "path"), [("/tasks", "/tasks"), ("/a/b.c/d-e_f~1", "/a/b.c/d-e_f~1"), ("/", "")]
)
def test_a_base_path_is_a_path(monkeypatch: pytest.MonkeyPatch, sent: str, path: str) -> None:
    assert read(monkeypatch, BASE_PATH=sent).base_path == path


@pytest.mark.parametrize(
    "path",
    [
        *("tasks", "/tasks/", "//", "/a//b", "/a/../b", "/.", "/..", "/tasks?x=1", "/tasks#x"),
        *("https://example.com/tasks", "/ta sks", "/täsks", "/a%20b", "/a;b", "/a/"),
    ],
)
def test_what_is_no_base_path_is_rejected(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    found = error_of(monkeypatch, BASE_PATH=path)
    assert "BASE_PATH: must be a path such as /tasks" in found
    assert repr(path) in found
