//! POST /api/v1/oauth/introspect: whether a token may be used now, and for what (RFC 7662). Of what may not be, of what the one
//! who asks may not see, and of what is nothing, the answer is the same to the byte.

use std::net::IpAddr;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::client::{ClientShown, is_shown_in_body};
use super::form::{self, Form};
use super::{OAuthError, answer};
use crate::domain::authority::Action;
use crate::domain::credential::Kind;
use crate::domain::ip_rules::fold_mapped;
use crate::domain::operator::Reach;
use crate::domain::scope::joined;
use crate::http::app::App;
use crate::http::metrics::Door;
use crate::http::problem::Problem;
use crate::http::proof::Showing;
use crate::http::verdict::{Asking, Judged, Shown};
use crate::http::{bearer, operator};
use crate::tokens::claims::Claims;

pub async fn handle(app: Data<App>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let body = form::body(&request, payload).await?;
    let form = Form::read(&body)?;
    let asker = Asker::of(&app, &request, &form).await?;
    let Some(text) = form.one("token") else {
        return Err(
            OAuthError::InvalidRequest.because("token is missing; send the token that is asked about")
        );
    };
    // The one who asks holds the proof against the request itself, by what it is told of the key.
    let at_all = Asking::at_all(Shown::Text(text), Showing::NotAsked, client_ip(&form)?);
    let asking = Asking { reach: &asker.reach, ..at_all };
    let judged = app.judge(&asking, Door::Introspect).await?;
    Ok(answer(&told(&app, &asker, &judged).unwrap_or_else(|| json!({"active": false}))))
}

/// Who may ask, and about whose.
struct Asker {
    reach: Reach,
    /// operators may ask about keys too; a client is told of tokens alone
    about_keys: bool,
}

impl Asker {
    async fn of(app: &App, request: &HttpRequest, form: &Form<'_>) -> Result<Self, Problem> {
        if bearer::is_shown(request) && !is_shown_in_body(form) {
            let operator = operator::identify(app, request).await?;
            operator.may(Action::Verify)?;
            return Ok(Asker { reach: operator.reach().clone(), about_keys: true });
        }
        let client = ClientShown::read(request, form)?.let_in(app, request, Door::Client).await?;
        let tenant = client.known()?.tenant_id;
        Ok(Asker { reach: Reach::Tenants([tenant].into()), about_keys: false })
    }
}

/// Where the token is used from, as far as the one who asks knows it: a client with address rules is active only from there.
fn client_ip(form: &Form<'_>) -> Result<Option<IpAddr>, Problem> {
    let Some(text) = form.one("client_ip") else { return Ok(None) };
    let address = text.parse::<IpAddr>().map(fold_mapped).map(Some);
    address
        .map_err(|_| OAuthError::InvalidRequest.because("client_ip is neither an IPv4 nor an IPv6 address"))
}

/// None for what is not active.
fn told(app: &App, asker: &Asker, judged: &Judged) -> Option<Value> {
    let known = judged.judgement.known.as_ref().filter(|_| judged.judgement.verdict.is_ok())?;
    let mut told = match &judged.claims {
        Some(claims) => of_token(claims),
        None if asker.about_keys && known.kind == Kind::ApiKey => json!({
            "token_type": "api_key",
            "iss": app.issuer(),
            "sub": known.credential_id,
            "exp": judged.ends_at().map(|end| end.millis() / 1000),
        }),
        None => return None,
    };
    told["active"] = json!(true);
    told["credential_id"] = json!(known.credential_id);
    told["tenant_id"] = json!(known.tenant_id);
    // What it may do at present, which is at most what it was given for.
    told["scope"] = json!(joined(&known.effective().scopes));
    let members = told.as_object_mut()?;
    members.retain(|_, value| !value.is_null());
    Some(told)
}

/// Of what the token says, what RFC 7662 has a name for.
fn of_token(claims: &Claims) -> Value {
    const TOLD: [&str; 8] = ["iss", "sub", "client_id", "aud", "iat", "exp", "jti", "cnf"];
    let mut told = claims.members();
    told.retain(|name, _| TOLD.contains(&name.as_str()));
    told.insert("nbf".to_owned(), json!(claims.issued_at));
    told.insert("token_type".to_owned(), json!(claims.token_type()));
    Value::Object(told)
}
