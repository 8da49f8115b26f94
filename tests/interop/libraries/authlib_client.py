"""Authlib over requests: by discovery alone, a token from exchange to revocation."""

import json
import os
import sys

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"  # plain HTTP, on the loopback
given = json.loads(sys.argv[1])


def session(secret):
    return OAuth2Session(
        given["client_id"],
        secret,
        scope=given["scope"],
        token_endpoint_auth_method=given["method"],
        revocation_endpoint_auth_method=given["method"],
        default_timeout=60,
    )


def error(ask):
    try:
        ask()
    except OAuthError as refused:
        return refused.error
    return None


def introspected(client, token):
    answer = client.introspect_token(server["introspection_endpoint"], token=token)
    answer.raise_for_status()
    return answer.json()


found = requests.get(get_well_known_url(given["issuer"], external=True), timeout=60)
server = AuthorizationServerMetadata(found.json())
server.validate()
client = session(given["client_secret"])
token = client.fetch_token(server["token_endpoint"], grant_type="client_credentials")
before = introspected(client, token["access_token"])
client.revoke_token(server["revocation_endpoint"], token=token["access_token"]).raise_for_status()
after = introspected(client, token["access_token"])
guess = session(given["client_secret"][:-6] + "AAAAAA")


def exchange(client, **more):
    return lambda: client.fetch_token(server["token_endpoint"], grant_type="client_credentials", **more)


print(
    json.dumps(
        {
            "methods": server["token_endpoint_auth_methods_supported"],
            "token": token,
            "before": before,
            "after": after,
            "wrong_secret": error(exchange(guess)),
            "beyond_its_scopes": error(exchange(client, scope=given["beyond"])),
        }
    )
)
