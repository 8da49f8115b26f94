//! The canonical bytes of a row: what a seal covers. Frozen from the first day.
//!
//! ```text
//! 1 format = 1        16 node          8 seq             16 id           ? completes      1 judged
//! 16 tenant           16 credential    ? secret          ‖ kind          ‖? outcome       ?2 status      ?4 latency_ms
//! then of operation, provider, model, error, client_ip and request_id each:    ?32 SHA-256(own salt ‖ text)
//! ```
//! Of a row that says what was asked, format is 2, and last comes    ‖ asked.
//! Numbers are big-endian. `?` is one byte, 1 and the value or 0 and nothing; `‖` is two bytes of length, then the text. The six own
//! salts are the first 16 bytes of SHA-256(salt ‖ place), places from 0; a row holds `salt`. Once one of the six is erased the row
//! holds the own salts of the others in its place, and the hash of the erased one, which then says nothing of what it was.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::row::{Row, Told};
use crate::vault::sha256;

const FORMAT: u8 = 1;
const WITH_ASKED: u8 = 2;
const SALT: usize = 16;
/// What may be erased.
pub const ERASABLE: usize = 6;
/// Of one slot as it is stored: what it is, and a hash or a salt with zeros behind it.
const SLOT: usize = 33;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Salts {
    /// of a whole row
    One([u8; SALT]),
    /// of a row of which something was erased
    Apart([Slot; ERASABLE]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    Salt([u8; SALT]),
    /// what the text that was erased, together with its salt, came to
    Erased([u8; 32]),
}

impl Salts {
    fn slot(&self, place: u8) -> Slot {
        match self {
            Salts::Apart(slots) => slots[usize::from(place)],
            Salts::One(salt) => {
                let digest = sha256(&[salt, &[place]]);
                let mut own = [0; SALT];
                own.copy_from_slice(&digest[..SALT]);
                Slot::Salt(own)
            }
        }
    }

    /// As it stands in the database.
    pub fn stored(&self) -> Vec<u8> {
        match self {
            Salts::One(salt) => salt.to_vec(),
            Salts::Apart(slots) => slots.iter().flat_map(Slot::stored).collect(),
        }
    }

    pub fn read(stored: &[u8]) -> Option<Salts> {
        if let Ok(salt) = stored.try_into() {
            return Some(Salts::One(salt));
        }
        let slots = stored.chunks_exact(SLOT);
        let slots: Option<Vec<Slot>> =
            slots.remainder().is_empty().then(|| slots.map(Slot::read).collect())?;
        slots?.try_into().ok().map(Salts::Apart)
    }

    /// The same once these are erased.
    pub fn without(&self, told: &Told, erased: [bool; ERASABLE]) -> Salts {
        let texts = texts(told);
        Salts::Apart(std::array::from_fn(|place| {
            let slot = self.slot(place as u8);
            match (slot, &texts[place]) {
                (Slot::Salt(salt), Some(text)) if erased[place] => {
                    Slot::Erased(sha256(&[&salt, text.as_bytes()]))
                }
                (slot, _) => slot,
            }
        }))
    }
}

impl Slot {
    fn stored(&self) -> [u8; SLOT] {
        let mut stored = [0; SLOT];
        match self {
            Slot::Salt(salt) => stored[1..=SALT].copy_from_slice(salt),
            Slot::Erased(hash) => {
                stored[0] = 1;
                stored[1..].copy_from_slice(hash);
            }
        }
        stored
    }

    fn read(stored: &[u8]) -> Option<Slot> {
        let (kind, rest) = stored.split_first()?;
        match kind {
            0 => Some(Slot::Salt(rest.get(..SALT)?.try_into().ok()?)),
            1 => Some(Slot::Erased(rest.try_into().ok()?)),
            _ => None,
        }
    }
}

fn texts(told: &Told) -> [Option<Cow<'_, str>>; ERASABLE] {
    let Told { operation, provider, model, error, client_ip, request_id } = told;
    let client_ip = client_ip.map(|address| address.to_string().into());
    let [operation, provider, model, error, request_id] =
        [operation, provider, model, error, request_id].map(|text| text.as_deref().map(Cow::Borrowed));
    [operation, provider, model, error, client_ip, request_id]
}

/// The leaf's hash (RFC 6962, 2.1).
pub fn hash(row: &Row, node: Uuid, seq: u64) -> [u8; 32] {
    sha256(&[&[0], &bytes(row, node, seq)])
}

pub fn bytes(row: &Row, node: Uuid, seq: u64) -> Vec<u8> {
    let mut leaf = Vec::with_capacity(384);
    leaf.push(if row.asked.is_some() { WITH_ASKED } else { FORMAT });
    leaf.extend(node.as_bytes());
    leaf.extend(seq.to_be_bytes());
    leaf.extend(row.id.as_bytes());
    optional(&mut leaf, row.completes.as_ref().map(|id| id.as_bytes().as_slice()));
    leaf.push(row.judged.into());
    leaf.extend(row.tenant.0.as_bytes());
    leaf.extend(row.credential.0.as_bytes());
    optional(&mut leaf, row.secret.as_ref().map(|id| id.0.as_bytes().as_slice()));
    word(&mut leaf, row.kind.word());
    leaf.push(row.outcome.is_some().into());
    row.outcome.into_iter().for_each(|outcome| word(&mut leaf, outcome.word()));
    optional(&mut leaf, row.status.map(i16::to_be_bytes).as_ref().map(<[u8; 2]>::as_slice));
    optional(&mut leaf, row.latency_ms.map(i32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice));
    for (place, text) in (0u8..).zip(texts(&row.told)) {
        let hash = match (row.salts.slot(place), text) {
            (Slot::Erased(hash), _) => Some(hash),
            (Slot::Salt(salt), Some(text)) => Some(sha256(&[&salt, text.as_bytes()])),
            (Slot::Salt(_), None) => None,
        };
        optional(&mut leaf, hash.as_ref().map(<[u8; 32]>::as_slice));
    }
    row.asked.iter().for_each(|asked| word(&mut leaf, asked));
    leaf
}

fn optional(leaf: &mut Vec<u8>, value: Option<&[u8]>) {
    leaf.push(value.is_some().into());
    leaf.extend(value.unwrap_or_default());
}

/// Of ours, and short.
fn word(leaf: &mut Vec<u8>, word: &str) {
    leaf.extend((word.len() as u16).to_be_bytes());
    leaf.extend(word.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::calls::row::{Caller, Outcome};
    use crate::domain::credential::Kind;
    use crate::domain::ids::{CredentialId, SecretId, TenantId};

    const SALTED: Salts = Salts::One([9; SALT]);

    fn id(number: u8) -> Uuid {
        Uuid::from_bytes([number; 16])
    }

    fn whole() -> Row {
        Row {
            id: id(2),
            completes: Some(id(3)),
            judged: false,
            tenant: TenantId(id(4)),
            credential: CredentialId(id(5)),
            secret: Some(SecretId(id(6))),
            kind: Caller::Credential(Kind::ApiKey),
            outcome: Some(Outcome::ACCEPTED),
            status: Some(200),
            latency_ms: Some(412),
            told: Told {
                operation: Some("chat".to_owned()),
                provider: Some("p".to_owned()),
                model: Some("m".to_owned()),
                error: Some("e".to_owned()),
                client_ip: "192.0.2.1".parse().ok(),
                request_id: Some("r".to_owned()),
            },
            asked: None,
            salts: SALTED,
        }
    }

    fn bare() -> Row {
        Row {
            completes: None,
            judged: true,
            secret: None,
            outcome: None,
            status: None,
            latency_ms: None,
            told: Told::default(),
            ..whole()
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The layout of the module's own page, written down a second time.
    #[test]
    fn a_bare_rows_leaf_is_byte_for_byte_what_it_always_was() {
        let ids = |number: u8| hex(&[number; 16]);
        let expected = [
            "01".to_owned(),
            ids(1),
            "0000000000000007".to_owned(),
            ids(2),
            "00".to_owned(),
            "01".to_owned(),
            ids(4),
            ids(5),
            "00".to_owned(),
            format!("0007{}", hex(b"api_key")),
            "00".to_owned(),
            "00".to_owned(),
            "00".to_owned(),
            "000000000000".to_owned(),
        ];
        assert_eq!(hex(&bytes(&bare(), id(1), 7)), expected.concat());
    }

    #[test]
    fn a_whole_rows_leaf_is_byte_for_byte_what_it_always_was() {
        let own = |place: u8| sha256(&[&[9; SALT], &[place]]);
        let slot =
            |place: u8, text: &str| format!("01{}", hex(&sha256(&[&own(place)[..SALT], text.as_bytes()])));
        let ids = |number: u8| hex(&[number; 16]);
        let expected = [
            "01".to_owned(),
            ids(1),
            "0000000000000007".to_owned(),
            ids(2),
            format!("01{}", ids(3)),
            "00".to_owned(),
            ids(4),
            ids(5),
            format!("01{}", ids(6)),
            format!("0007{}", hex(b"api_key")),
            format!("010008{}", hex(b"accepted")),
            "0100c8".to_owned(),
            "010000019c".to_owned(),
            slot(0, "chat"),
            slot(1, "p"),
            slot(2, "m"),
            slot(3, "e"),
            slot(4, "192.0.2.1"),
            slot(5, "r"),
        ];
        let leaf = bytes(&whole(), id(1), 7);
        assert_eq!(hex(&leaf), expected.concat());
        // Frozen: whatever makes this another one makes every seal one of other rows.
        assert_eq!(
            hex(&hash(&whole(), id(1), 7)),
            "4848421764bc032b0204c511143c94f6e8f475271892713c300a919b1b6b41df"
        );
    }

    #[test]
    fn what_was_asked_stands_last_under_a_format_of_its_own() {
        let with = |asked: &str| Row { kind: Caller::Operator, asked: Some(asked.to_owned()), ..bare() };
        let leaf = hex(&bytes(&with("order=desc"), id(1), 7));
        let without = hex(&bytes(&Row { asked: None, ..with("") }, id(1), 7));
        assert_eq!(leaf, format!("02{}000a{}", &without[2..], hex(b"order=desc")));
        assert!(without.contains(&format!("0008{}", hex(b"operator"))), "{without}");
    }

    #[test]
    fn what_is_erased_leaves_the_leaf_as_it_is_and_says_nothing_of_itself() {
        let row = whole();
        let before = hash(&row, id(1), 7);
        let erased = [false, false, false, true, true, false];
        let salts = row.salts.without(&row.told, erased);
        let told = Told { error: None, client_ip: None, ..row.told.clone() };
        let after = Row { told, salts, ..row };
        assert_eq!(hash(&after, id(1), 7), before);
        let stored = after.salts.stored();
        assert_eq!(Salts::read(&stored).as_ref(), Some(&after.salts));
        // No salt is left by which the address could be tried out.
        let own = sha256(&[&[9; SALT], &[4]]);
        assert!(!stored.windows(SALT).any(|window| window == &own[..SALT] || window == [9; SALT]));
        // Again, and another one.
        let again = after.salts.without(&after.told, [true; ERASABLE]);
        assert_eq!(hash(&Row { told: Told::default(), salts: again, ..after }, id(1), 7), before);
    }

    #[test]
    fn salts_come_back_as_they_were_stored_and_nothing_else_does() {
        assert_eq!(Salts::read(&SALTED.stored()), Some(SALTED));
        for bad in [&[][..], &[0; 15], &[0; 17], &[0; 6 * SLOT - 1], &[2; 6 * SLOT]] {
            assert_eq!(Salts::read(bad), None, "{}", bad.len());
        }
    }
}
