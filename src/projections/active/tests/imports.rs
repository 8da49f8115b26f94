//! Keys from elsewhere in the small world: each way of digests, and one prefix that our own keys have too.

use super::world::{World, scope_set, tenant_of};
use crate::domain::command::Command;
use crate::domain::credential::*;
use crate::domain::event::Event;
use crate::domain::ids::{StreamId, TenantId};
use crate::domain::imports::{self, Alphabet, Declare, ForeignFormat, Scheme, Sealed, Side};
use crate::domain::ip_rules::IpRules;
use crate::domain::rate_limit::OwnRateLimit;
use crate::domain::secret::{Digest, PepperNumber};
use crate::domain::testing::scopes;
use crate::vault::sha256;

pub const WAYS: u8 = 5;
const HMAC_KEY: &[u8] = b"another product's own key";

/// Of the keys that are imported in one way.
fn format(way: u8) -> ForeignFormat {
    // The last may be written as a tenant's own keys are.
    let (prefix, length) =
        [("sk_", 40), ("sk_", 40), ("sk_", 40), ("sk_", 40), ("vlk_", 32)][usize::from(way % WAYS)];
    ForeignFormat::new(prefix, Alphabet::Base62, length..=length).expect("a format")
}

fn scheme(world: &World, way: u8) -> Scheme {
    match way % WAYS {
        1 => Scheme::Salted { side: Side::Before, start_chars: 9 },
        2 => Scheme::Salted { side: Side::After, start_chars: 10 },
        3 => Scheme::Hmac {
            fingerprint: Digest::new([7; 32]),
            sealed: Sealed::new(&world.vault.seal_foreign_key(HMAC_KEY)),
            sealed_under: PepperNumber(world.vault.newest()),
        },
        _ => Scheme::Sha256 {},
    }
}

/// No two begin alike: a number, then as many zeros as there have to be.
pub fn text(way: u8, number: usize) -> String {
    let format = format(way);
    let rest = usize::from(format.shape().shortest) - format.prefix().len();
    format!("{}{:0<rest$}", format.prefix(), format!("{number:06}x"))
}

impl World {
    /// Every way that keys are imported in, from the beginning.
    pub fn declare(&mut self) {
        for way in 0..WAYS {
            let declare = Declare { format: format(way), scheme: scheme(self, way) };
            self.ask(imports::stream(), Command::Declare(TenantId(tenant_of(way % 3).0), declare));
        }
    }

    /// Under either pepper, in turn. Its stream, when it was taken.
    pub fn import(&mut self, tenant: u8, way: u8, suspended: bool) -> Option<StreamId> {
        let number = self.events.len();
        let text = text(way, number);
        let (format, scheme) = (format(way), scheme(self, way));
        let salt = |side, chars: usize| Salt {
            side,
            start: text[..chars].to_owned(),
            bytes: SaltBytes(vec![number as u8; 5]),
        };
        let (salt, foreign) = match &scheme {
            Scheme::Sha256 {} => (None, sha256(&[text.as_bytes()])),
            Scheme::Salted { side: Side::Before, .. } => {
                (Some(salt(Side::Before, 9)), sha256(&[&[number as u8; 5], text.as_bytes()]))
            }
            Scheme::Salted { .. } => {
                (Some(salt(Side::After, 10)), sha256(&[text.as_bytes(), &[number as u8; 5]]))
            }
            Scheme::Hmac { sealed, .. } => {
                let key = self.vault.open_foreign_key(&sealed.bytes().expect("bytes")).expect("it opens");
                (None, key.digest(text.as_bytes()))
            }
        };
        let pepper = 1 + (number & 1) as u32;
        let label = scheme.label();
        let digest = self.vault.wrapped(pepper, &label, &foreign).expect("a pepper");
        let import = Import {
            create: Create {
                name: format!("imported {number}"),
                description: String::new(),
                metadata: serde_json::Map::new(),
                scopes: Some(scopes(scope_set(way))),
                expires_at: None,
                ip_rules: IpRules::default(),
                rate_limit: OwnRateLimit::Default,
                owner: None,
                registration: None,
            },
            suspended,
            created_at: None,
            source: "test".into(),
            old_id: number.to_string(),
            content: Digest::new([1; 32]),
            secret: ForeignSecret {
                prefix: format.public_part(&text[..format.prefix().len() + 3]).expect("a start").to_owned(),
                format: format.prefix().to_owned(),
                scheme: label,
                salt,
                claim: Digest::new([number as u8; 32]),
                pepper: PepperNumber(pepper),
                digest: Digest::new(digest),
            },
        };
        let stream = StreamId(uuid::Uuid::from_u128(0x500_0000 + number as u128));
        let tenant = TenantId(tenant_of(tenant).0);
        self.ask(
            stream,
            Command::Credential(tenant, None, vec![CredentialCommand::Import(Box::new(import))]),
        );
        let Event::Credential(_, CredentialEvent::Imported(imported)) = &self.events.get(number)?.event
        else {
            return None;
        };
        let known = (imported.secret.id, text);
        self.mint.texts.lock().expect("texts").push(known);
        Some(stream)
    }
}

/// What nobody holds is unknown, and what is written otherwise no key at all, in every form and under every way.
#[test]
fn a_text_that_no_import_brought_is_unknown_and_one_of_no_form_is_malformed() {
    use super::*;
    use crate::domain::access::{Possession, Reason};
    let mut world = World::new();
    for way in 0..WAYS {
        world.import(way % 3, way, false).expect("imported");
    }
    for view in [world.applied(), world.loaded()] {
        let reason = |text: &str| {
            let request = Request {
                possession: Possession::Bare,
                client_ip: None,
                scopes: &[],
                operation: None,
                tenant: None,
                reach: &Reach::All,
            };
            let judged = view.judge(&world.vault, text, &request, world.now).expect("answering");
            judged.verdict.err().map(|refused| refused.reason)
        };
        for way in 0..WAYS {
            assert_eq!(reason(&text(way, 900_000)), Some(Reason::NotFound), "{way}");
            assert_eq!(reason(&text(way, 900_000)[1..]), Some(Reason::Malformed), "{way}");
        }
        for (_, text) in &*world.mint.texts.lock().expect("texts") {
            assert_eq!(reason(text), None, "{text}");
        }
    }
}
