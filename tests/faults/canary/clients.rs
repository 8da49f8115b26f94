//! A client's day: its secrets, and its tokens, which stand nowhere either.

use serde_json::json;

use super::search::Needles;
use crate::support::assertions::{Signer, by_assertion};
use crate::support::client::Request;
use crate::support::service::{Actor, Tenant, text};

/// A client's id may be known, and so may how its secret begins; neither the secret nor both together. The id is handed back.
pub fn has_clients(tenant: &Tenant<'_>, gateway: &Actor, hidden: &mut Needles) -> String {
    let client = tenant.client("exchanges");
    let (rotated, answer) = client.rotate(json!({"grace_seconds": 3600}));
    let ids = [&client.minted["client_id"], &answer["client_id"]].map(text);
    for (id, secret) in ids.iter().zip([&client.secret, &rotated]) {
        let told = text(&client.read()["secrets"][0]["prefix"]).len();
        hidden.add("a client's secret", secret);
        hidden.add("what is not told of it", &secret[told..]);
        for shown in [secret.clone(), format!("{id}:{secret}")] {
            gateway.verify(&shown);
            let basic =
                Request::new("GET", "/api/v1/whoami").header("Authorization", &format!("Basic {shown}"));
            gateway.send(&basic).problem(401, "unauthorized");
        }
        tenant
            .admin
            .patch(&client.path, &json!({"resources": [format!("x {secret}")]}))
            .problem(400, "invalid_request");
    }
    client.history();
    exchanges(tenant, gateway, (&ids[1], &rotated), hidden);
    shows_assertions(tenant, gateway, hidden);
    ids[0].clone()
}

/// For as long as it is not over an assertion lets its bearer in once: so it stands nowhere, shown or not.
fn shows_assertions(tenant: &Tenant<'_>, gateway: &Actor, hidden: &mut Needles) {
    let signer = Signer::new("canary");
    let client = tenant.client_with(signer.registration("signs"));
    let (id, issuer) = (
        text(&client.minted["client_id"]),
        text(&gateway.get("/.well-known/oauth-authorization-server").expect(200)["issuer"]),
    );
    for (endpoint, audience, status) in
        [("token", &*issuer, 200), ("introspect", &issuer, 200), ("token", "https://other.example", 401)]
    {
        let assertion = signer.assertion(&id, audience);
        for (place, part) in assertion.split('.').enumerate().skip(1) {
            hidden.add(if place == 1 { "an assertion's claims" } else { "an assertion's signature" }, part);
        }
        let path = format!("/api/v1/oauth/{endpoint}");
        let fields = "grant_type=client_credentials&token=x";
        gateway.send(&by_assertion(&path, &assertion, fields)).expect(status);
        gateway.send(&by_assertion(&path, &assertion, fields)).expect(401);
        gateway.verify(&assertion);
        gateway.send(&Request::new("GET", "/api/v1/whoami").bearer(&assertion)).problem(401, "unauthorized");
    }
}

/// Tokens are taken, shown right and wrong, asked about and given back.
fn exchanges(tenant: &Tenant<'_>, gateway: &Actor, (id, secret): (&str, &str), hidden: &mut Needles) {
    let form = |path: &str, fields: &str| {
        let request = Request::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded");
        gateway.send(&request.body(format!("client_id={id}&client_secret={secret}&{fields}").into_bytes()))
    };
    let token = "/api/v1/oauth/token";
    let tokens =
        [(); 3].map(|()| text(&form(token, "grant_type=client_credentials").expect(200)["access_token"]));
    for token in &tokens {
        let signature = token.rsplit_once('.').map_or("", |(_, signature)| signature);
        hidden.add("an access token's signature", signature);
        hidden.add("an access token's claims", token.split('.').nth(1).expect("claims"));
        gateway.verify(token).is_accepted();
        gateway.verify(&token[..token.len() - 2]);
        let shown = Request::new("GET", "/api/v1/whoami").bearer(token);
        gateway.send(&shown).expect(200);
        gateway
            .send(&Request::new("GET", "/api/v1/whoami").bearer(&format!("{token}x")))
            .problem(401, "unauthorized");
        gateway.send(&Request::new("GET", "/api/v1/authorize").bearer(token));
        gateway.send(&Request::new("GET", &format!("/api/v1/whoami?access_token={token}")));
        form("/api/v1/oauth/introspect", &format!("token={token}")).expect(200);
    }
    form(&format!("{token}?client_secret={secret}"), "x=y").expect(400);
    form(token, &format!("grant_type={secret}")).expect(400);
    form(token, &format!("grant_type=client_credentials&scope={}", tokens[0])).expect(400);
    form("/api/v1/oauth/revoke", &format!("token={}", tokens[0])).expect(200);
    form("/api/v1/oauth/revoke", &format!("token={}x", tokens[0])).expect(200);
    let holder = Request::new("POST", "/api/v1/self/revoke").bearer(&tokens[1]);
    gateway.send(&holder).expect(200);
    gateway.verify(&tokens[1]).is_refused("revoked");
    tenant.admin.get("/.well-known/oauth-authorization-server").expect(200);
}
