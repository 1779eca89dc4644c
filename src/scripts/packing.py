"""A large value as a short text: Linux takes no argument, and no command of a shell, of more than 128 KiB."""

import base64
import json
import zlib


def pack(value) -> str:
    """The value as JSON, compressed, in base64."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(zlib.compress(canonical.encode(), level=9)).decode()


def unpack(text: str):
    return json.loads(zlib.decompress(base64.b64decode(text)))
