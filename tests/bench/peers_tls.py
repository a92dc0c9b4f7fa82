"""The certificate that the servers of a measurement show, and the authority behind it."""

import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"]
# Of a leaf: without it, browsers refuse the certificate.
EXTENSIONS = ["subjectAltName=DNS:localhost,IP:127.0.0.1", "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth"]


def certify(folder):
    """Writes ca.pem, and for localhost chain.pem with key.pem."""
    openssl("-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
    added = [word for extension in EXTENSIONS for word in ("-addext", extension)]
    openssl("-subj", "/CN=localhost", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", *added,
            "-keyout", folder / "key.pem", "-out", folder / "chain.pem")


def openssl(*words):
    subprocess.run(["openssl", "req", "-x509", *CURVE, *words], check=True, stderr=subprocess.DEVNULL)
