//! What a step sends.

use credledger::clock::Timestamp;
use credledger::domain::credential::Kind;
use serde_json::{Map, Value, json};

use super::{Action, Configured, Named, Patch, Reaching, later};

impl Action {
    /// Method, path below its subject (or below the list that it will stand in), and body.
    pub fn request(&self, now: Timestamp, named: &Named) -> (&'static str, String, Option<Value>) {
        let at = |seconds: i64| json!(later(now, seconds));
        let (method, path, body) = match self {
            Action::Create { name, scopes, expires, rules, limit, owner, resources } => {
                let mut body = json!({"name": name});
                let members = [
                    ("scopes", scopes.as_ref().map(|scopes| json!(scopes))),
                    ("expires_at", expires.map(at)),
                    ("ip_rules", rules.clone()),
                    ("rate_limit", limit.map(|limit| json!(limit))),
                    ("owner", owner.map(|number| json!(named.member(number)))),
                    ("resources", resources.as_ref().map(|resources| json!(resources))),
                ];
                members
                    .into_iter()
                    .for_each(|(name, value)| value.into_iter().for_each(|value| body[name] = value));
                ("POST", String::new(), Some(body))
            }
            Action::Edit(patch) => ("PATCH", String::new(), Some(patch.body(now, named))),
            Action::Rotate { grace, quiet } => {
                let mut body = grace.map_or_else(|| json!({}), |grace| json!({"grace_seconds": grace}));
                if let Some(quiet) = quiet {
                    body["close_when_quiet_seconds"] = json!(quiet);
                }
                ("POST", "/rotate".to_owned(), Some(body))
            }
            Action::MoveGrace { secret, seconds, quiet } => {
                let mut body =
                    seconds.map_or_else(|| json!({}), |seconds| json!({"expires_at": at(seconds)}));
                if let Some(quiet) = quiet {
                    body["close_when_quiet_seconds"] = json!(quiet);
                }
                ("PATCH", format!("/secrets/{}", named.secret(*secret)), Some(body))
            }
            Action::RevokeSecret { secret } => {
                ("POST", format!("/secrets/{}/revoke", named.secret(*secret)), None)
            }
            Action::Suspend | Action::TenantSuspend => ("POST", "/suspend".to_owned(), None),
            Action::Resume | Action::TenantResume => ("POST", "/resume".to_owned(), None),
            Action::Revoke { reason, note } => {
                ("POST", "/revoke".to_owned(), Some(json!({"reason": reason, "note": note})))
            }
            Action::Delete => ("DELETE", String::new(), None),
            Action::TokensRevoke => ("POST", "/tokens/revoke".to_owned(), None),
            Action::Exchange { .. }
            | Action::GiveBack { .. }
            | Action::ReportLeak { .. }
            | Action::Erase { .. } => {
                unreachable!("no operator asks for it")
            }
            Action::MemberDisable => ("POST", "/disable".to_owned(), None),
            Action::MemberEnable => ("POST", "/enable".to_owned(), None),
            Action::MemberEdit { name, email, scopes } => {
                let mut body = json!({});
                name.iter().for_each(|name| body["name"] = json!(name));
                email
                    .iter()
                    .for_each(|email| body["email"] = json!(Some(email).filter(|email| !email.is_empty())));
                scopes.iter().for_each(|scopes| body["scopes"] = json!(scopes));
                ("PATCH", String::new(), Some(body))
            }
            Action::TenantEdit { name, plan, settings } => {
                let mut body = json!({});
                name.iter().for_each(|name| body["name"] = json!(name));
                plan.iter()
                    .for_each(|plan| body["plan"] = json!(plan.map(|number| named.plan(number).as_str())));
                settings.iter().for_each(|settings| body["settings"] = settings.body());
                ("PATCH", String::new(), Some(body))
            }
            Action::OperatorCreate { name, role, reaching } => {
                let mut body = json!({"name": name, "role": role});
                reaching.iter().for_each(|reaching| reaching.say(named, &mut body));
                ("POST", String::new(), Some(body))
            }
            Action::OperatorEdit { role, reaching, disabled } => {
                let mut body = json!({});
                role.iter().for_each(|role| body["role"] = json!(role));
                reaching.iter().for_each(|reaching| reaching.say(named, &mut body));
                disabled.iter().for_each(|disabled| body["disabled"] = json!(disabled));
                ("PATCH", String::new(), Some(body))
            }
            Action::OperatorDelete => ("DELETE", String::new(), None),
            Action::TokenMint { name, seconds } => {
                ("POST", "/tokens".to_owned(), Some(json!({"name": name, "expires_at": at(*seconds)})))
            }
            Action::TokenRevoke { token } => ("DELETE", format!("/tokens/{}", named.token(*token)), None),
            Action::PlanSet { active_credentials, .. } => {
                ("PUT", String::new(), Some(json!({"active_credentials": active_credentials})))
            }
        };
        (method, path, body)
    }
}

impl Reaching {
    fn say(&self, named: &Named, body: &mut Value) {
        match self {
            Reaching::All => body["all_tenants"] = json!(true),
            Reaching::Tenants(numbers) => {
                let mut tenants: Vec<_> = numbers.iter().map(|number| named.tenant(*number).0).collect();
                tenants.dedup();
                body["tenants"] = json!(tenants);
            }
        }
    }
}

impl Patch {
    fn body(&self, now: Timestamp, named: &Named) -> Value {
        let of_client = self.resources.as_ref().filter(|_| named.kind == Kind::OauthClient);
        let members = [
            ("name", self.name.as_ref().map(|name| json!(name))),
            ("description", self.description.as_ref().map(|text| json!(text))),
            ("metadata", self.metadata.as_ref().map(|metadata| json!(metadata))),
            ("scopes", self.scopes.as_ref().map(|scopes| json!(scopes))),
            ("expires_at", self.expires.map(|end| json!(end.map(|seconds| later(now, seconds))))),
            ("ip_rules", self.rules.clone()),
            ("rate_limit", self.limit.map(|limit| json!(limit))),
            ("owner", self.owner.map(|owner| json!(owner.map(|number| named.member(number))))),
            ("resources", of_client.map(|resources| json!(resources))),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect())
    }
}

impl Configured {
    fn body(&self) -> Value {
        let operations = |list: &Vec<(&str, Option<&str>)>| {
            list.iter().map(|(name, scope)| ((*name).to_owned(), json!(scope))).collect::<Map<_, _>>()
        };
        let members = [
            ("max_grace_seconds", self.max_grace_seconds.map(|seconds| json!(seconds))),
            ("default_grace_seconds", self.default_grace_seconds.map(|seconds| json!(seconds))),
            ("max_lifetime_seconds", self.max_lifetime_seconds.map(|seconds| json!(seconds))),
            ("require_expiry", self.require_expiry.map(|required| json!(required))),
            ("allowed_scopes", self.allowed_scopes.as_ref().map(|allowed| json!(allowed))),
            ("operations", self.operations.as_ref().map(|list| json!(operations(list)))),
            ("expiry_warning_seconds", self.expiry_warning_seconds.map(|seconds| json!(seconds))),
            ("client_rotation", self.client_rotation.map(|rotation| json!(rotation))),
            ("token_lifetime_seconds", self.token_lifetime_seconds.map(|seconds| json!(seconds))),
            ("on_leak", self.on_leak.map(|policy| json!(policy))),
            ("default_rate_limit", self.default_rate_limit.map(|limit| json!(limit))),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect())
    }
}
