//! What a client is given when it asks for a token: for which scopes, for whom and for how long (RFC 6749, 3.3; RFC 8707).

use super::credential::Resource;
use super::scope::{Scope, covers, joined};
use crate::clock::Timestamp;
use crate::limits;

/// What is asked for. Nothing: all that the client has, for whoever trusts the issuer.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    pub scope: Option<&'a str>,
    pub resources: Vec<&'a str>,
}

/// What the client may have.
#[derive(Clone, Copy, Debug)]
pub struct Entitled<'a> {
    pub scopes: &'a [Scope],
    /// of the account that it belongs to
    pub owner_scopes: Option<&'a [Scope]>,
    /// none: whom it asks for
    pub resources: &'a [Resource],
    pub expires_at: Option<Timestamp>,
    pub issuer: &'a str,
    pub lifetime_seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// words joined by single spaces; empty: none
    pub scope: String,
    pub audience: Vec<String>,
    pub lifetime_seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGranted {
    /// one is none, or beyond the client's, or there are too many
    Scope,
    /// one is no absolute URI without a fragment
    NotAResource,
    /// the client is registered for others
    OtherResource,
    TooManyResources,
    /// In the last second of its life a client is let in and can be given nothing.
    Over,
}

impl Entitled<'_> {
    pub fn grant(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Granted, NotGranted> {
        Ok(Granted {
            scope: self.scope(asked.scope)?,
            audience: self.audience(&asked.resources)?,
            lifetime_seconds: self.lifetime(now)?,
        })
    }

    /// What is asked for, each once, in that order.
    fn scope(&self, asked: Option<&str>) -> Result<String, NotGranted> {
        let Some(asked) = asked else { return Ok(joined(self.scopes)) };
        let words = asked.split(' ').filter(|word| !word.is_empty()).take(limits::SCOPES + 1);
        let scopes: Vec<Scope> =
            words.map(Scope::parse).collect::<Result<_, _>>().map_err(|_| NotGranted::Scope)?;
        let has = |scopes: &[Scope], scope: &Scope| scopes.iter().any(|own| covers(own, scope));
        let granted = |scope: &Scope| {
            has(self.scopes, scope) && self.owner_scopes.is_none_or(|owner| has(owner, scope))
        };
        if scopes.is_empty() || scopes.len() > limits::SCOPES || !scopes.iter().all(granted) {
            return Err(NotGranted::Scope);
        }
        let mut once: Vec<Scope> = Vec::with_capacity(scopes.len());
        for scope in scopes {
            if !once.contains(&scope) {
                once.push(scope);
            }
        }
        Ok(joined(&once))
    }

    fn audience(&self, asked: &[&str]) -> Result<Vec<String>, NotGranted> {
        let mut audience = Vec::new();
        for text in asked {
            let resource = Resource::parse(text).map_err(|_| NotGranted::NotAResource)?;
            if !self.resources.is_empty() && !self.resources.contains(&resource) {
                return Err(NotGranted::OtherResource);
            }
            let resource = String::from(resource);
            if audience.contains(&resource) {
                continue;
            }
            if audience.len() == limits::AUDIENCES {
                return Err(NotGranted::TooManyResources);
            }
            audience.push(resource);
        }
        if audience.is_empty() {
            audience.push(self.issuer.to_owned());
        }
        Ok(audience)
    }

    /// In whole seconds, as a token counts them, and never beyond the client's own end.
    fn lifetime(&self, now: Timestamp) -> Result<u32, NotGranted> {
        let Some(end) = self.expires_at else { return Ok(self.lifetime_seconds) };
        let left = end.millis() / 1000 - now.millis() / 1000;
        let left = u32::try_from(left).ok().filter(|left| *left > 0).ok_or(NotGranted::Over)?;
        Ok(self.lifetime_seconds.min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{at, scopes};

    const ISSUER: &str = "https://keys.example.com";

    struct Given {
        scopes: Vec<Scope>,
        owner: Option<Vec<Scope>>,
        resources: Vec<Resource>,
        expires_at: Option<Timestamp>,
    }

    fn client(of: &[&str]) -> Given {
        Given { scopes: scopes(of), owner: None, resources: Vec::new(), expires_at: None }
    }

    impl Given {
        fn owned_by_one_with(self, of: &[&str]) -> Self {
            Given { owner: Some(scopes(of)), ..self }
        }

        fn registered_for(self, resources: &[&str]) -> Self {
            let resources = resources.iter().map(|text| Resource::parse(text).expect("a resource")).collect();
            Given { resources, ..self }
        }

        fn that_ends_at(self, end: Timestamp) -> Self {
            Given { expires_at: Some(end), ..self }
        }

        fn asks(&self, scope: Option<&str>, resources: &[&str]) -> Result<Granted, NotGranted> {
            let entitled = Entitled {
                scopes: &self.scopes,
                owner_scopes: self.owner.as_deref(),
                resources: &self.resources,
                expires_at: self.expires_at,
                issuer: ISSUER,
                lifetime_seconds: 3600,
            };
            entitled.grant(&Asked { scope, resources: resources.to_vec() }, at(0))
        }

        fn scope(&self, asked: &str) -> Result<String, NotGranted> {
            self.asks(Some(asked), &[]).map(|granted| granted.scope)
        }

        fn audience(&self, asked: &[&str]) -> Result<Vec<String>, NotGranted> {
            self.asks(None, asked).map(|granted| granted.audience)
        }

        fn lifetime(&self) -> Result<u32, NotGranted> {
            self.asks(None, &[]).map(|granted| granted.lifetime_seconds)
        }
    }

    #[test]
    fn who_asks_for_nothing_is_given_all_it_has_for_whoever_trusts_the_issuer() {
        let granted = client(&["orders.*", "reports.read"]).asks(None, &[]).expect("granted");
        let audience = vec![ISSUER.to_owned()];
        assert_eq!(
            granted,
            Granted { scope: "orders.* reports.read".into(), audience, lifetime_seconds: 3600 }
        );
        assert_eq!(client(&[]).asks(None, &[]).expect("granted").scope, "");
    }

    #[test]
    fn what_is_asked_for_is_given_once_and_in_its_order() {
        let client = client(&["orders.*", "reports.read"]);
        assert_eq!(
            client.scope("reports.read orders.read  reports.read").as_deref(),
            Ok("reports.read orders.read")
        );
        assert_eq!(client.scope("orders.*").as_deref(), Ok("orders.*"));
    }

    #[test]
    fn nothing_beyond_the_client_or_its_owner_is_given() {
        let owned = client(&["orders.*"]).owned_by_one_with(&["orders.read", "reports.read"]);
        assert_eq!(owned.scope("orders.read").as_deref(), Ok("orders.read"));
        for beyond in
            ["orders.write", "orders.*", "reports.read", "orders.read orders.write", " ", "a b*", "*"]
        {
            assert_eq!(owned.scope(beyond), Err(NotGranted::Scope), "{beyond:?}");
        }
    }

    #[test]
    fn so_many_scopes_are_asked_for_and_no_more() {
        let asked = |number: usize| (0..number).map(|one| format!("s{one}")).collect::<Vec<_>>().join(" ");
        assert!(client(&["*"]).scope(&asked(limits::SCOPES)).is_ok());
        assert_eq!(client(&["*"]).scope(&asked(limits::SCOPES + 1)), Err(NotGranted::Scope));
    }

    #[test]
    fn a_token_is_for_whom_the_client_is_registered() {
        let registered = client(&[]).registered_for(&["https://a.example", "https://b.example"]);
        let both = vec!["https://b.example".to_owned(), "https://a.example".to_owned()];
        assert_eq!(
            registered.audience(&["https://b.example", "https://a.example", "https://b.example"]),
            Ok(both)
        );
        assert_eq!(registered.audience(&["https://c.example"]), Err(NotGranted::OtherResource));
        assert_eq!(registered.audience(&["a.example"]), Err(NotGranted::NotAResource));
        assert_eq!(client(&[]).audience(&["https://c.example"]), Ok(vec!["https://c.example".to_owned()]));
    }

    #[test]
    fn a_token_is_for_so_many_and_no_more() {
        let resources: Vec<String> =
            (0..=limits::AUDIENCES).map(|one| format!("https://{one}.example")).collect();
        let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
        assert!(client(&[]).audience(&resources[1..]).is_ok());
        assert_eq!(client(&[]).audience(&resources), Err(NotGranted::TooManyResources));
    }

    #[test]
    fn no_token_outlives_its_client() {
        assert_eq!(client(&[]).that_ends_at(at(3601)).lifetime(), Ok(3600));
        assert_eq!(client(&[]).that_ends_at(at(59)).lifetime(), Ok(59));
        let last_millisecond = Timestamp::from_millis(at(1).millis() - 1).expect("an instant");
        assert_eq!(client(&[]).that_ends_at(last_millisecond).lifetime(), Err(NotGranted::Over));
    }
}
