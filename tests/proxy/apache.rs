//! Apache's `mod_oauth2`, which checks tokens by introspection.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use crate::front::{Front, Places, put};
use crate::peer::Peer;
use crate::support::client::{Request, Response};
use crate::support::holder::Holder;
use crate::support::service::{Key, Service, text};
use crate::world::World;

/// What the page says is on; the others are what every Apache has.
const MODULES: [&str; 8] =
    ["mpm_event", "authn_core", "authz_core", "authz_user", "headers", "proxy", "proxy_http", "oauth2"];

/// One process in the foreground, as an account that owns nothing.
fn prepare(places: &Places, command: &mut Command, client: &Key<'_>) {
    let own = places.documented("apacheconf");
    let own = put("CLIENT_ID", 1, &text(&client.minted["client_id"]), &own);
    let own = put("CLIENT_SECRET", 1, &client.secret, &own);
    let modules =
        MODULES.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let folder = places.folder.display();
    let whole = format!(
        "ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile pid\nServerName localhost\nErrorLog /dev/stderr\n\
         User nobody\nGroup nogroup\n{}{own}",
        modules.concat()
    );
    command.arg("-X").arg("-f").arg(places.write("apache.conf", &whole));
}

/// With a service whose tenant has a client that asks, and one that is asked about.
fn with_service(test: impl FnOnce(World<Service>, &Key<'_>)) {
    let (authority, application) = (Service::start(), Peer::application());
    let root = authority.root();
    let tenant = root.tenant("acme", json!({}));
    let asks = tenant.client_with(json!({"name": "apache", "scopes": []}));
    let asked = tenant.client_with(json!({"name": "exporter", "scopes": ["orders:*"]}));
    let address: SocketAddr = authority.address();
    let prepare = |places: &Places, command: &mut Command| prepare(places, command, &asks);
    let proxy = Front::start_as("apache2", prepare, address, application.address, false);
    test(World { proxy, application, authority }, &asked);
}

fn form(service: &Service, name: &str, client: &Key<'_>, fields: &str) -> Response {
    let (id, secret) = (text(&client.minted["client_id"]), &client.secret);
    let request = Request::new("POST", &format!("/api/v1/oauth/{name}"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("client_id={id}&client_secret={secret}&{fields}").into_bytes());
    service.anonymous().send(&request)
}

fn token(service: &Service, client: &Key<'_>, scope: &str) -> String {
    let fields = format!("grant_type=client_credentials&scope={scope}");
    text(&form(service, "token", client, &fields).expect(200)["access_token"])
}

#[track_caller]
fn is_refused(world: &World<Service>, token: &str) {
    let answer = world.proxy.get(token);
    assert_eq!(answer.status, 401, "{}", answer.text());
    world.nobody_passed();
}

#[test]
fn a_token_passes_until_the_answer_of_its_revoke() {
    with_service(|world, client| {
        let token = token(&world.authority, client, "orders:read");
        let request =
            Request::new("GET", "/orders").bearer(&token).header("OAUTH2_CLAIM_client_id", "another");
        for _ in 0..2 {
            assert_eq!(world.proxy.send(&request).status, 200);
            let seen = world.passed();
            assert_eq!((seen.path.as_str(), seen.header("authorization")), ("/orders", None));
            assert_eq!(seen.header("OAUTH2_CLAIM_client_id"), client.minted["client_id"].as_str());
        }
        form(&world.authority, "revoke", client, &format!("token={token}")).expect(200);
        is_refused(&world, &token);
    });
}

#[test]
fn what_is_no_such_token_does_not_pass() {
    with_service(|world, client| {
        is_refused(&world, &Holder::new().token(&world.authority, client));
        is_refused(&world, &token(&world.authority, client, "orders:write"));
        is_refused(&world, &client.secret);
        let root = world.authority.root();
        let other = root.tenant("other", json!({}));
        let stranger = other.client_with(json!({"name": "exporter", "scopes": ["orders:read"]}));
        is_refused(&world, &token(&world.authority, &stranger, "orders:read"));
        let key = other.mint_with(json!({"name": "key", "scopes": ["orders:read"]}));
        is_refused(&world, &key.secret);
        assert_eq!(world.proxy.send(&Request::new("GET", "/orders")).status, 401);
        world.nobody_passed();
    });
}

#[test]
fn a_service_that_does_not_answer_lets_nobody_pass() {
    with_service(|mut world, client| {
        let token = token(&world.authority, client, "orders:read");
        assert_eq!(world.proxy.get(&token).status, 200);
        world.passed();
        world.authority.kill();
        is_refused(&world, &token);
    });
}
