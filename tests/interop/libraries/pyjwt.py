"""PyJWT: one process that keeps the published keys by its own rules, and checks a token a line."""

import json
import sys

import jwt

given = json.loads(sys.argv[1])
keys = jwt.PyJWKClient(given["jwks_uri"])


def told(token):
    try:
        key = keys.get_signing_key_from_jwt(token)
        checked = jwt.decode_complete(
            token, key, algorithms=["ES256"], issuer=given["issuer"], audience=given.get("audience")
        )
    except jwt.PyJWTError as refused:
        return {"refused": type(refused).__name__}
    if checked["header"]["typ"] != given["typ"]:
        return {"refused": "typ"}
    return {"claims": checked["payload"], "kid": checked["header"]["kid"]}


for line in sys.stdin:
    print(json.dumps(told(line.strip())), flush=True)
