//! The routes, and the server that answers them.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App as ActixApp, HttpServer};

use super::app::App;
use super::commands as command;
use super::operator::AdminDoor;
use super::queries as read;
use super::request::Manners;
use super::routes::{Routes, not_found};
use super::{
    API, API_ADMIN, authorize, console, docs, export, health, jwks, leaks, metrics, oauth, reference,
    revocations, verify, whoami,
};
use crate::domain::credential::Kind;
use crate::limits;

/// POSTs that change nothing: logged as reads.
const QUESTIONS: &[&str] =
    &["/api/v1/verify", "/api/v1/verify/batch", "/api/v1/oauth/token", "/api/v1/oauth/introspect", "/decide"];

/// Starts answering; the server stops when its handle is told to, after what it has begun.
pub fn serve(
    app: Data<App>,
    listener: TcpListener,
    workers: usize,
    random: fn() -> [u8; 16],
) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(app.clone())
            .configure(routes)
            .default_service(web::to(not_found))
            .wrap(Manners::counting(random, secrets_of(&app), QUESTIONS, app.metrics.served.by_another()))
    });
    let server = server
        .workers(workers)
        .keep_alive(limits::KEEP_ALIVE)
        .client_request_timeout(limits::HEAD_WAIT)
        .shutdown_timeout(limits::STOP_WAIT.as_secs())
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}

fn secrets_of(app: &Data<App>) -> Box<dyn Fn(&str) -> bool> {
    let app = app.clone();
    Box::new(move |text| app.is_formed_as_a_secret(text))
}

fn routes(service: &mut ServiceConfig) {
    service
        // The two that are asked on every call stand first and by themselves: one look at the path finds them.
        .service(Routes::at("/api/v1/verify").post(verify::one).done().wrap(AdminDoor::Unlimited))
        .service(Routes::at("/api/v1/authorize").any(authorize::handle).done())
        .service(Routes::at("/healthz").get(health::alive).done())
        .service(Routes::at("/readyz").get(health::ready).done())
        .service(Routes::at("/openapi.json").get(health::openapi).done())
        .service(Routes::at("/docs").on(Method::GET, &["text/html"], reference::handle).done())
        .service(Routes::at("/docs/problems").on(Method::GET, &["text/html"], docs::problems).done())
        .service(Routes::at("/metrics").on(Method::GET, &["text/plain"], metrics::handle).done())
        .service(Routes::at("/.well-known/oauth-authorization-server").get(oauth::metadata::handle).done())
        .service(
            Routes::at("/.well-known/oauth-authorization-server/{path:.*}")
                .get(oauth::metadata::with_path)
                .done(),
        )
        .service(Routes::at("/.well-known/jwks.json").on(Method::GET, jwks::TYPES, jwks::handle).done())
        .service(web::scope("/console").configure(console).default_service(web::to(not_found)))
        .service(
            web::scope(API_ADMIN)
                .configure(admin)
                .default_service(web::to(not_found))
                .wrap(AdminDoor::Limited),
        )
        .service(web::scope(API).configure(callers).default_service(web::to(not_found)));
}

fn callers(service: &mut ServiceConfig) {
    service
        .service(
            Routes::at("/revocations")
                .on(Method::GET, revocations::TYPES, revocations::handle)
                .done()
                .wrap(AdminDoor::Unlimited),
        )
        .service(
            Routes::at("/activity").post(command::report_calls::handle).done().wrap(AdminDoor::Unlimited),
        )
        .service(Routes::at("/whoami").get(whoami::handle).done())
        .service(Routes::at("/self/revoke").post(command::self_revoke::handle).done())
        .service(Routes::at("/leaks").post(leaks::finder::handle).done())
        .service(Routes::at("/leaks/github").post(leaks::github::handle).done())
        .service(Routes::at("/oauth/token").post(oauth::token::handle).done())
        .service(Routes::at("/oauth/introspect").post(oauth::introspect::handle).done())
        .service(Routes::at("/oauth/revoke").post(oauth::revoke::handle).done())
        .service(
            web::scope("/verify")
                .service(Routes::at("/batch").post(verify::batch).done())
                .default_service(web::to(not_found))
                .wrap(AdminDoor::Unlimited),
        );
}

/// People's door. Problems of it are problems as everywhere; what a browser is to show is a page.
fn console(service: &mut ServiceConfig) {
    let page: &[&str] = &["text/html"];
    service
        .service(Routes::at("").on(Method::GET, page, console::home::handle).done())
        .service(Routes::at("/sign-in").on(Method::GET, page, console::sign_in::handle).done())
        .service(Routes::at("/callback").on(Method::GET, page, console::callback::handle).done())
        .service(Routes::at("/sign-out").on(Method::POST, page, console::sign_out::handle).done())
        .service(
            Routes::at("/sign-out-everywhere").on(Method::POST, page, console::sign_out::everywhere).done(),
        );
}

/// Each level looks at its own part of the path alone: one long list of patterns would try them one after the other.
fn admin(service: &mut ServiceConfig) {
    service
        .service(
            Routes::at("/tenants")
                .get(read::list_tenants::handle)
                .post(command::create_tenant::handle)
                .done(),
        )
        .service(web::scope("/tenants/{tenant}").configure(tenant))
        .service(
            Routes::at("/ledger/events")
                .on(Method::GET, read::ledger_events::FORMS, read::ledger_events::handle)
                .done(),
        )
        .service(Routes::at("/session").get(read::get_session::handle).done())
        .service(Routes::at("/plans").get(read::list_plans::handle).done())
        .service(
            Routes::at("/plans/{plan}").get(read::get_plan::handle).put(command::set_plan::handle).done(),
        )
        .service(
            Routes::at("/erasures")
                .get(read::list_erasures::of_platform)
                .post(command::erase::of_platform)
                .done(),
        )
        .service(Routes::at("/erasures/{erasure}").get(read::get_erasure::of_platform).done())
        .service(Routes::at("/usage").get(read::usage::of_all).done())
        .service(Routes::at("/activity").on(Method::GET, export::FORMS, read::list_calls::of_platform).done())
        .service(Routes::at("/signing-keys").get(read::list_signing_keys::handle).done())
        .service(Routes::at("/signing-keys/rotate").post(command::rotate_signing_keys::handle).done())
        .service(Routes::at("/signing-keys/{kid}/revoke").post(command::revoke_signing_key::handle).done())
        .service(
            Routes::at("/operators")
                .get(read::list_operators::handle)
                .post(command::create_operator::handle)
                .done(),
        )
        .service(web::scope("/operators/{operator}").configure(operator));
}

fn tenant(service: &mut ServiceConfig) {
    service
        .service(Routes::at("").get(read::get_tenant::handle).patch(command::edit_tenant::handle).done())
        .service(Routes::at("/audit").on(Method::GET, export::FORMS, read::audit::handle).done())
        .service(Routes::at("/changes").on(Method::GET, export::FORMS, read::changes::handle).done())
        .service(Routes::at("/suspend").post(command::suspend_tenant::handle).done())
        .service(Routes::at("/resume").post(command::resume_tenant::handle).done())
        .service(Routes::at("/usage").get(read::usage::of_tenant).done())
        .service(Routes::at("/activity").on(Method::GET, export::FORMS, read::list_calls::handle).done())
        .service(web::scope("/keys").app_data(Kind::ApiKey).configure(keys))
        .service(web::scope("/clients").app_data(Kind::OauthClient).configure(clients))
        .service(
            Routes::at("/members")
                .get(read::list_members::handle)
                .post(command::create_member::handle)
                .done(),
        )
        .service(
            Routes::at("/erasures")
                .get(read::list_erasures::of_tenant)
                .post(command::erase::of_tenant)
                .done(),
        )
        .service(Routes::at("/erasures/{erasure}").get(read::get_erasure::of_tenant).done())
        .service(web::scope("/members/{member}").configure(member))
        .service(Routes::at("/decide").post(read::decide::handle).done());
}

fn keys(service: &mut ServiceConfig) {
    service
        .service(
            Routes::at("")
                .on(Method::GET, export::FORMS, read::list_credentials::handle)
                .post(command::create_key::handle)
                .done(),
        )
        .service(
            Routes::at("/import")
                .on(Method::POST, &[command::import_keys::NDJSON], command::import_keys::handle)
                .done(),
        )
        .service(web::scope("/{key}").configure(credential));
}

fn clients(service: &mut ServiceConfig) {
    service
        .service(
            Routes::at("")
                .on(Method::GET, export::FORMS, read::list_credentials::handle)
                .post(command::create_client::handle)
                .done(),
        )
        .service(Routes::at("/{client}/tokens/revoke").post(command::revoke_tokens::handle).done())
        .service(web::scope("/{client}").configure(credential));
}

/// What a key and a client have in common.
fn credential(service: &mut ServiceConfig) {
    service
        .service(
            Routes::at("")
                .get(read::get_credential::handle)
                .patch(command::edit_credential::handle)
                .delete(command::revoke::delete)
                .done(),
        )
        .service(Routes::at("/rotate").post(command::rotate::handle).done())
        .service(Routes::at("/revoke").post(command::revoke::handle).done())
        .service(Routes::at("/suspend").post(command::suspend_credential::handle).done())
        .service(Routes::at("/resume").post(command::resume_credential::handle).done())
        .service(Routes::at("/history").on(Method::GET, export::FORMS, read::history::handle).done())
        .service(Routes::at("/usage").get(read::usage::of_credential).done())
        .service(Routes::at("/secrets/{secret}").patch(command::grace::handle).done())
        .service(Routes::at("/secrets/{secret}/blast-radius").get(read::blast_radius::handle).done())
        .service(Routes::at("/secrets/{secret}/revoke").post(command::revoke_secret::handle).done());
}

fn member(service: &mut ServiceConfig) {
    service
        .service(Routes::at("").get(read::get_member::handle).patch(command::edit_member::handle).done())
        .service(Routes::at("/disable").post(command::disable_member::handle).done())
        .service(Routes::at("/enable").post(command::enable_member::handle).done());
}

fn operator(service: &mut ServiceConfig) {
    service
        .service(
            Routes::at("")
                .get(read::get_operator::handle)
                .patch(command::edit_operator::handle)
                .delete(command::disable_operator::handle)
                .done(),
        )
        .service(Routes::at("/tokens").post(command::mint_token::handle).done())
        .service(Routes::at("/tokens/{token}").delete(command::revoke_token::handle).done());
}
