"""The issuer is made of exact packages, and its lock says of none where it is from."""

import json

from tests.issuer.packages import FOLDER


def test_every_package_of_the_issuer_has_its_hash_and_no_address() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    root, *packages = lock["packages"].values()
    assert root["dependencies"] == {"better-auth": "1.7.7"}
    assert len(packages) > 20
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not any("resolved" in package for package in packages)
