"""Where credentials lie."""

from __future__ import annotations

import re
from typing import Final

from pipeline.detectors._intrusion.scene import Scene
from pipeline.shell.calls import Call

__all__ = ["SECRETS", "metadata"]

SECRETS: Final = (
    (re.compile(r"/etc/g?shadow(?:-|$)"), 4.6, "T1003.008"),
    (
        re.compile(
            r"\.aws/credentials|\.kube/config|\.docker/config\.json|\.config/gcloud|\.azure/|\.git-credentials|\.netrc$|\.pgpass"
        ),
        3.4,
        "T1552.001",
    ),
    (re.compile(r"kubernetes\.io/serviceaccount"), 3.8, "T1528"),
    (
        re.compile(r"\.ssh/(?:id_\w+|\*)$|(?:^|/)id_(?:rsa|dsa|ecdsa|ed25519)$|\.pem$|/etc/ssh/ssh_host_\w+_key$"),
        2.8,
        "T1552.004",
    ),
    (re.compile(r"^/proc/(?:\d+|\*|\[\S+\S*)/environ$"), 3.4, "T1552.007"),
    (
        re.compile(
            r"/tmp/(?:system|running)\.cfg|/etc/persistent/|/asterisk/(?:sip|users|iax|manager)\w*\.conf|/hive-config/\S+\.conf|(?:^|/)vnc-password"
        ),
        3.6,
        "T1552.001",
    ),
    (re.compile(r"/snmpd?\.conf$"), 2.6, "T1602.001"),
    (re.compile(r"\.ssh/known_hosts"), 2.0, "T1018"),
    (re.compile(r"\.ssh/config$"), 1.2, "T1552.004"),
    (re.compile(r"logins\.json|Login Data|\.keyring|wallet\.dat|keystore/UTC"), 3.4, "T1555"),
)


def metadata(scene: Scene, call: Call) -> None:
    """The call asks a cloud's metadata service."""
    text = " ".join(call.argv)
    if (
        "security-credentials" in text
        or "/token" in text
        or "service-accounts" in text
        or "/iam" in text
        or "identity" in text
    ):
        scene.notes.add("secrets", 6.4, "T1552.005", "asks the cloud's metadata service for credentials")
    else:
        scene.notes.add("secrets", 4.2, "T1552.005", "asks the cloud's metadata service")
