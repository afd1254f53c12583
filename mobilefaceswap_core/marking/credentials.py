"""C2PA content credentials: a signed statement in the file that faces were swapped, by which software and model.

Signing works offline. With a key and certificate chain of the host (:class:`SigningKey`) the credential names the host;
without one a key is made on first use and kept in the user's config folder. Nobody vouches for such a key, so readers
report it as *untrusted*: it proves that the file is unchanged since signing, not who signed.

Requires the optional packages ``c2pa-python`` and, for a self-made key, ``cryptography``.
"""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BackendError, OptionError, OutputError
from ..files.atomic import write_bytes
from ..files.formats import FORMATS, SIGNATURE_BYTES, format_of, format_of_content
from .metadata import DIGITAL_SOURCE_TYPE, SOFTWARE

# No network, no thumbnail: a thumbnail would carry the picture a second time.
_SETTINGS: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_timestamp_trust": False},
    "builder": {"thumbnail": {"enabled": False}},
}
_YEARS_VALID = 10
KEY_VARIABLE, CHAIN_VARIABLE = "MOBILEFACESWAP_SIGNING_KEY", "MOBILEFACESWAP_SIGNING_CHAIN"
# PEM certificates of authorities whose signers are trusted when reading; without it every signer is "untrusted".
TRUST_VARIABLE = "MOBILEFACESWAP_TRUST_ANCHORS"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the certificates that go with it.

    Attributes:
        private_key: PEM, PKCS 8, elliptic curve P-256 (ES256).
        chain: PEM certificates, the signer's own first.
        self_made: made by this package, so that nobody vouches for it.
    """

    private_key: str
    chain: str
    self_made: bool

    def __repr__(self) -> str:  # a traceback or log must never show the key
        return f"SigningKey(self_made={self.self_made})"


def available() -> bool:
    """Whether ``c2pa-python`` is installed."""
    return importlib.util.find_spec("c2pa") is not None


def signing_key(*, folder: Path | None = None) -> SigningKey:
    """The host's key if one is configured, else the self-made one, created on first use.

    Args:
        folder: where the self-made key is kept; the user's config folder by default.

    Raises:
        OptionError: only one of the two environment variables is set, or a file cannot be read.
        BackendError: a key must be made and ``cryptography`` is not installed.
        OutputError: the config folder cannot be written.
    """
    key_path, chain_path = os.environ.get(KEY_VARIABLE), os.environ.get(CHAIN_VARIABLE)
    if key_path or chain_path:
        if not (key_path and chain_path):
            raise OptionError(
                f"Only one of {KEY_VARIABLE} and {CHAIN_VARIABLE} is set; wanted both (PEM files), or none."
            )
        try:
            return SigningKey(Path(key_path).read_text(), Path(chain_path).read_text(), self_made=False)
        except OSError as error:
            raise OptionError(f"The signing key or its chain cannot be read ({error}). Check the two paths.") from error
    from ..files.folders import config_folder

    folder = config_folder() if folder is None else folder
    path = folder / "signing_key.json"
    if not path.exists():
        _store_private(path, json.dumps(dict(zip(("private_key", "chain"), _make_key(), strict=True))))
    try:
        stored = json.loads(path.read_text())
        return SigningKey(stored["private_key"], stored["chain"], self_made=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OptionError(f"{path} is damaged ({error}). Delete it; a new key is made at the next start.") from error


def key_files() -> dict[str, Path]:
    """The host's own files that marking reads, by the variables that name them: no result may take their place."""
    names = (KEY_VARIABLE, CHAIN_VARIABLE, TRUST_VARIABLE)
    return {name: Path(os.environ[name]) for name in names if os.environ.get(name)}


def sign(source: Path, destination: Path, *, model: str, version: str, title: str, key: SigningKey) -> None:
    """Write a copy of an encoded file with a signed credential.

    Args:
        source: the file, with its extension.
        destination: where the copy goes; removed again when signing fails.
        model: the swapper that was used.
        version: of this package.
        title: name shown by readers; no path.
        key: see :func:`signing_key`.

    Raises:
        BackendError: ``c2pa-python`` is missing, or cannot sign this file or with this key.
        OptionError: a format without room for credentials.
    """
    row = format_of(source)
    if row is None or not row.credentials:
        is_clip = row is not None and bool(row.demuxer)
        wanted = ", ".join(
            s for other in FORMATS if other.credentials and bool(other.demuxer) == is_clip for s in other.suffixes
        )
        raise OptionError(
            f"{source.suffix or 'A file without extension'} cannot carry content credentials; wanted one of {wanted}."
        )
    if not available():
        raise BackendError("Content credentials need the package c2pa-python: pip install c2pa-python cryptography.")
    import c2pa

    manifest = {
        "claim_generator_info": [{"name": SOFTWARE, "version": version}],
        "title": title,
        "format": row.media_type,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.edited",
                            "digitalSourceType": DIGITAL_SOURCE_TYPE,
                            "softwareAgent": {"name": SOFTWARE, "version": version},
                            "description": "Faces were swapped.",
                            "parameters": {"model": model},
                        }
                    ]
                },
            }
        ],
    }
    try:
        context = c2pa.Context.from_dict(_SETTINGS)
        info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, key.chain.encode(), key.private_key.encode(), None)
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(manifest, context=context) as builder:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            with source.open("rb") as reader, destination.open("w+b") as writer:
                builder.sign(signer, row.media_type, reader, writer)
    except c2pa.C2paError as error:
        destination.unlink(missing_ok=True)
        raise BackendError(f"Content credentials could not be written: {error}. Check the file and the key.") from error


def read_credentials(path: Path) -> dict[str, Any]:
    """What the credentials in a file say.

    Returns:
        ``state``: ``valid`` (a trusted signer vouches), ``untrusted`` (file unchanged, signer unknown), ``tampered``
        (the file or the credential was changed), ``elsewhere`` (the file links to them; nothing is fetched), ``absent``,
        ``unsupported`` (format) or ``unavailable`` (package missing); ``swap`` whether a swap is stated; and signer, software, model and problems where there are any.
    """
    with path.open("rb") as stream:
        row = format_of_content(stream.read(SIGNATURE_BYTES))
    if row is None or not row.credentials:
        return {"state": "unsupported", "swap": False}
    if not available():
        return {"state": "unavailable", "swap": False, "advice": "pip install c2pa-python"}
    import c2pa

    settings = dict(_SETTINGS)
    if anchors := os.environ.get(TRUST_VARIABLE):
        try:
            settings["trust"] = {"trust_anchors": Path(anchors).read_text()}
        except OSError as error:
            raise OptionError(
                f"The trust anchors in {TRUST_VARIABLE} cannot be read ({error}). Check the path."
            ) from error
    try:
        context = c2pa.Context.from_dict(settings)
        with path.open("rb") as stream, c2pa.Reader(row.media_type, stream, context=context) as reader:
            store = json.loads(reader.json())
            state = reader.get_validation_state()
    except c2pa.C2paError as error:
        if str(error).startswith("Remote"):  # c2pa's word for a file that only links to its credential
            return {"state": "elsewhere", "swap": False}
        absent = type(error).__name__.endswith("ManifestNotFound") or "ManifestNotFound" in str(error)
        return (
            {"state": "absent", "swap": False}
            if absent
            else {"state": "tampered", "swap": False, "problems": [str(error)]}
        )
    return _summary(store, str(state))


def _summary(store: dict[str, Any], state: str) -> dict[str, Any]:
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
    swap = next((a for a in actions if a.get("digitalSourceType") == DIGITAL_SOURCE_TYPE), None)
    failures = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    problems = sorted({str(f.get("code")) for f in failures} - {"signingCredential.untrusted"})
    named = {"Trusted": "valid", "Valid": "untrusted"}.get(state, "tampered")
    generator = (manifest.get("claim_generator_info") or [{}])[0]
    return {
        "state": named,
        "swap": swap is not None and named != "tampered",
        "signer": manifest.get("signature_info", {}).get("common_name"),
        "software": " ".join(str(generator[k]) for k in ("name", "version") if k in generator) or None,
        "model": (swap or {}).get("parameters", {}).get("model"),
        "problems": problems,
    }


def _make_key() -> tuple[str, str]:
    """A P-256 key, its certificate, and the certificate of a throw-away authority: C2PA refuses self-signed signers.

    The authority's key is dropped at once, so it can never vouch for anything else.
    """
    if importlib.util.find_spec("cryptography") is None:
        raise BackendError("A signing key must be made, which needs: pip install cryptography.")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text: str) -> x509.Name:
        return x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, SOFTWARE), x509.NameAttribute(NameOID.COMMON_NAME, text)]
        )

    now = datetime.datetime.now(datetime.UTC)
    authority, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(subject: str, public: ec.EllipticCurvePublicKey, *, is_authority: bool) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("self-made authority"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=365 * _YEARS_VALID))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_authority,
                    key_cert_sign=is_authority,
                    crl_sign=is_authority,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        )
        if not is_authority:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(usage, critical=False)
        return builder.sign(authority, hashes.SHA256())

    chain = [
        certificate("self-made signer", signer.public_key(), is_authority=False),
        certificate("self-made authority", authority.public_key(), is_authority=True),
    ]
    private = signer.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in chain)


def _store_private(path: Path, text: str) -> None:
    """Readable by the owner alone; two processes that start together end up with the same key."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, text.encode(), private=True, once=True)
    except (OSError, OutputError) as error:
        raise OutputError(f"The signing key cannot be stored in {path.parent} ({error}). Check permissions.") from error
