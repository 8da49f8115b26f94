"""Authlib over requests: by discovery alone, a token from exchange to revocation."""

import base64
import json
import os
import sys
import time

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc.jwk import ECKey

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"  # plain HTTP, on the loopback
given = json.loads(sys.argv[1])


def pem(pkcs8):
    der = base64.urlsafe_b64decode(pkcs8 + "=" * (-len(pkcs8) % 4))
    return f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(der).decode()}\n-----END PRIVATE KEY-----\n"


def signing():
    """Anew for each request: of its own an assertion lives for an hour, and claims that are given keep their jti."""
    claims = {"exp": int(time.time()) + 60}
    return PrivateKeyJWT(given["issuer"], claims, {"kid": given["kid"]}, alg="ES256")


def session(proof):
    signs = given["method"] == "private_key_jwt"
    method = signing() if signs else given["method"]
    return OAuth2Session(
        given["client_id"],
        ECKey.import_key(pem(proof)) if signs else proof,
        scope=given["scope"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        default_timeout=60,
    )


def error(ask):
    try:
        ask()
    except OAuthError as refused:
        return refused.error
    return None


def introspected(token):
    answer = session(given["own"]).introspect_token(server["introspection_endpoint"], token=token)
    answer.raise_for_status()
    return answer.json()


found = requests.get(get_well_known_url(given["issuer"], external=True), timeout=60)
server = AuthorizationServerMetadata(found.json())
server.validate()


def exchange(proof, **more):
    return lambda: session(proof).fetch_token(server["token_endpoint"], grant_type="client_credentials", **more)


token = exchange(given["own"])()
before = introspected(token["access_token"])
session(given["own"]).revoke_token(server["revocation_endpoint"], token=token["access_token"]).raise_for_status()
after = introspected(token["access_token"])


print(
    json.dumps(
        {
            "methods": server["token_endpoint_auth_methods_supported"],
            "token": token,
            "before": before,
            "after": after,
            "wrong": error(exchange(given["wrong"])),
            "beyond_its_scopes": error(exchange(given["own"], scope=given["beyond"])),
        }
    )
)
