"""https by the server itself (HOMELAB_TLS_CERTIFICATE), with the key of its secrets.

HOMELAB_TLS_CERTIFICATE  PEM file of the certificate, and of those between it and its authority
HOMELAB_TLS_KEY          the private key, PEM
"""

import os
import ssl
import sys
from pathlib import Path

# In memory, and for this user alone.
KEY = Path("/dev/shm/server-key.pem")
# Of TLS 1.2, those that keep what was said secret when the key is lost; TLS 1.3 has no others.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def arguments() -> list[str]:
    """Those of gunicorn; none where the server speaks http."""
    certificate = os.environ.get("HOMELAB_TLS_CERTIFICATE")
    if not certificate:
        return []
    # Not for the workers, and what they start.
    key = os.environ.pop("HOMELAB_TLS_KEY")
    KEY.unlink(missing_ok=True)
    with open(os.open(KEY, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(f"{key}\n")
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # A key with a passphrase would ask for it.
        context.load_cert_chain(certificate, KEY, password="")
    except ssl.SSLError as error:
        sys.exit(f"entrypoint: server.tls: certificate and key can't be used: {error.reason}")
    return ["--certfile", certificate, "--keyfile", str(KEY), "--ciphers", CIPHERS]
