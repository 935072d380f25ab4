"""The configurations of the page, with ports and files of a test."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from tests.deploy.page import blocks
from tests.support.programs import program

BASE_PATH = "/tasks"
Mount = Literal["root", "kept", "removed"]
"""Where the proxy mounts the API, and whether it keeps or removes that path in requests."""


class Place(NamedTuple):
    """The folder of a proxy, its port, and the ports of the servers behind it."""

    folder: Path
    port: int
    servers: list[int]
    retries: bool = True
    """Whether HAProxy sends a request again that it could not deliver."""


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Return a text of the page with changes, each of which must apply."""
    for former, latter in changes:
        assert former in text, f"the page lacks {former!r}"
        text = text.replace(former, latter)
    return text


def nginx(place: Place, mount: Mount) -> list[str]:
    """Write the configuration of nginx; return its command."""
    (text,) = blocks("proxies", "nginx")
    servers = "".join(f"server 127.0.0.1:{port}; " for port in place.servers)
    text = changed(
        text,
        ("listen 443 ", f"listen 127.0.0.1:{place.port} "),
        ("/etc/ssl", str(place.folder)),
        ("server 127.0.0.1:8000;", servers),
    )
    if mount != "root":
        text = changed(text, ("location / {", f"location {BASE_PATH}/ {{"))
    if mount == "removed":
        text = changed(text, ("proxy_pass http://taskward;", "proxy_pass http://taskward/;"))
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{name}_temp_path {place.folder / name};\n" for name in names)
    user = "user root;" if os.geteuid() == 0 else ""
    path = place.folder / "nginx.conf"
    path.write_text(
        f"{user} daemon off; pid {place.folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off;\n{folders}\n{text} }}\n"
    )
    return [program("nginx"), "-p", str(place.folder), "-c", str(path)]


def haproxy(place: Place, mount: Mount) -> list[str]:
    """Write the configuration of HAProxy; return its command."""
    (text,) = blocks("proxies", "haproxy")
    servers = "\n".join(
        f"    server number{number} 127.0.0.1:{port}" for number, port in enumerate(place.servers)
    )
    text = changed(
        text,
        ("bind :443 ", f"bind 127.0.0.1:{place.port} "),
        ("/etc/ssl", str(place.folder)),
        ("    server one 127.0.0.1:8000", servers),
    )
    if mount == "removed":
        (rule,) = re.findall(r"`(http-request replace-path [^`]*)`", page())
        text += f"    {rule}\n"
    if not place.retries:
        text += "    retries 0\n"
    path = place.folder / "haproxy.cfg"
    path.write_text(text)
    return [program("haproxy"), "-q", "-db", "-f", str(path)]


def caddy(place: Place, mount: Mount) -> list[str]:
    """Write the configuration of Caddy; return its command."""
    (text,) = blocks("proxies", "caddy")
    (port,) = place.servers
    file = place.folder / "tasks.example.com"
    text = changed(
        text,
        ("tasks.example.com {", f"https://localhost:{place.port} {{\n tls {file}.crt {file}.key\n"),
        ("127.0.0.1:8000", f"127.0.0.1:{port}"),
    )
    if mount != "root":
        handle = "handle" if mount == "kept" else "handle_path"
        text = changed(text, ("reverse_proxy", f"{handle} {BASE_PATH}/* {{\n reverse_proxy"))
        text += "}\n"
    path = place.folder / "Caddyfile"
    path.write_text(f"{{\n admin off\n auto_https off\n}}\n{text}")
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(path)]


MODULES = ("mpm_event", "authz_core", "ssl", "http2", "proxy", "proxy_http", "filter", "deflate")


def apache(place: Place, mount: Mount) -> list[str]:
    """Write the configuration of Apache; return its command."""
    (text,) = blocks("proxies", "apache")
    (port,) = place.servers
    text = changed(
        text,
        ("*:443", f"127.0.0.1:{place.port}"),
        ("/etc/ssl", str(place.folder)),
        ("127.0.0.1:8000", f"127.0.0.1:{port}"),
    )
    if mount != "root":
        target = f"http://127.0.0.1:{port}"
        path = f"{target}{BASE_PATH}" if mount == "kept" else target
        text = changed(text, (f"ProxyPass / {target}/", f"ProxyPass {BASE_PATH} {path}"))
    loaded = "\n".join(
        f"LoadModule {each}_module /usr/lib/apache2/modules/mod_{each}.so" for each in MODULES
    )
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    file = place.folder / "apache.conf"
    file.write_text(
        f"ServerName localhost\nServerRoot {place.folder}\nPidFile {place.folder}/apache.pid\n"
        f"DefaultRuntimeDir {place.folder}\nErrorLog /dev/stderr\nListen 127.0.0.1:{place.port}\n"
        f"{loaded}\n{user}\n{text}"
    )
    return [program("apache2"), "-D", "FOREGROUND", "-f", str(file)]


def page() -> str:
    """Return the text of the page."""
    return (Path(__file__).parents[2] / "docs" / "how-to" / "proxies.md").read_text()


PROXIES: dict[str, Callable[[Place, Mount], list[str]]] = {
    "nginx": nginx,
    "HAProxy": haproxy,
    "Caddy": caddy,
    "Apache": apache,
}
