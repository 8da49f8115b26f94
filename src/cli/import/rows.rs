//! Rows of other products' tables, as lines of an import.

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::domain::imports::Alphabet;
use crate::limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// its table `keys`
    Unkey,
    /// its table `apikey`
    BetterAuth,
}

impl Product {
    pub const ALL: [Product; 2] = [Product::Unkey, Product::BetterAuth];

    pub fn word(self) -> &'static str {
        match self {
            Product::Unkey => "unkey",
            Product::BetterAuth => "better-auth",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Product::ALL.into_iter().find(|product| product.word() == word)
    }

    /// What its keys are made of after their prefix, unless told otherwise.
    pub fn alphabet(self) -> Alphabet {
        match self {
            Product::Unkey => Alphabet::Base58,
            Product::BetterAuth => Alphabet::Base62,
        }
    }

    /// How many characters follow the prefix, where that is known.
    pub fn secret_chars(self) -> Option<usize> {
        match self {
            Product::Unkey => None,
            Product::BetterAuth => Some(64),
        }
    }
}

/// What a line of the file is.
#[derive(Debug, PartialEq)]
pub enum Row {
    /// as a line of an import
    Key(Value),
    /// there
    Deleted,
    Blank,
}

pub fn line(product: Product, text: &str) -> Result<Row, String> {
    if text.trim().is_empty() {
        return Ok(Row::Blank);
    }
    let row: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("the line is no JSON object: {error}"))?;
    let row = Members(row);
    if row.any(&["deleted_at_m", "deleted_at"]).is_some() {
        return Ok(Row::Deleted);
    }
    let id = row.text(&["id"]).ok_or("the row has no id")?;
    let digest = row.text(match product {
        Product::Unkey => &["hash"],
        Product::BetterAuth => &["key"],
    });
    let mut line = Map::from_iter([
        ("old_id".to_owned(), json!(id)),
        ("digest".to_owned(), json!(digest.ok_or("the row has no digest")?)),
        ("name".to_owned(), json!(row.text(&["name"]).unwrap_or(id))),
        ("suspended".to_owned(), json!(row.is_off())),
        ("created_at".to_owned(), json!(row.instant(&["created_at_m", "createdAt", "created_at"])?)),
        ("expires_at".to_owned(), json!(row.instant(&["expires", "expiresAt", "expires_at"])?)),
    ]);
    // As much of the start as says nothing of the rest; the service holds it against the format.
    line.extend(row.text(&["start"]).map(|start| ("prefix".to_owned(), json!(start))));
    let metadata = row.metadata()?;
    if !metadata.is_empty() {
        line.insert("metadata".to_owned(), Value::Object(metadata));
    }
    if product == Product::BetterAuth {
        line.extend(row.scopes()?.map(|scopes| ("scopes".to_owned(), scopes)));
        line.extend(row.rate_limit().map(|limit| ("rate_limit".to_owned(), limit)));
    }
    Ok(Row::Key(Value::Object(line)))
}

struct Members(Map<String, Value>);

impl Members {
    fn any(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.0.get(*name)).filter(|value| !value.is_null())
    }

    fn text(&self, names: &[&str]) -> Option<&str> {
        self.any(names).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    /// Databases write a truth as a boolean or as a number.
    fn is(&self, names: &[&str]) -> Option<bool> {
        match self.any(names)? {
            Value::Bool(truth) => Some(*truth),
            Value::Number(number) => Some(number.as_i64() != Some(0)),
            _ => None,
        }
    }

    fn is_off(&self) -> bool {
        self.is(&["enabled"]) == Some(false)
    }

    /// Milliseconds since 1970, or a text, in UTC where it does not say.
    fn instant(&self, names: &[&str]) -> Result<Option<String>, String> {
        let Some(value) = self.any(names) else { return Ok(None) };
        let read = match value {
            Value::Number(number) => number.as_i64().and_then(Timestamp::from_millis),
            Value::String(text) => {
                let text = text.trim().replacen(' ', "T", 1);
                let zoned =
                    text.ends_with('Z') || text.get(19..).is_some_and(|zone| zone.contains(['+', '-']));
                Timestamp::read(&if zoned { text } else { text + "Z" }).ok()
            }
            _ => None,
        };
        read.map(|at| Some(at.to_string())).ok_or_else(|| format!("{} is no date", names.join(" or ")))
    }

    /// What was noted there, and whose it was.
    fn metadata(&self) -> Result<Map<String, Value>, String> {
        let mut metadata = match self.json(&["meta", "metadata"])? {
            Some(Value::Object(members)) => members,
            Some(other) => Map::from_iter([("metadata".to_owned(), other)]),
            None => Map::new(),
        };
        for (name, from) in
            [("owner_id", ["owner_id", "identity_id"]), ("user_id", ["userId", "referenceId"])]
        {
            if let Some(owner) = self.text(&from) {
                metadata.entry(name).or_insert_with(|| json!(owner));
            }
        }
        Ok(metadata)
    }

    /// A member that holds JSON, or the text of it; some were put into words twice.
    fn json(&self, names: &[&str]) -> Result<Option<Value>, String> {
        let Some(mut value) = self.any(names).cloned() else { return Ok(None) };
        for _ in 0..2 {
            let Value::String(text) = &value else { break };
            value = serde_json::from_str(text).map_err(|_| format!("{} is no JSON", names.join(" or ")))?;
        }
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    /// `{"files": ["read", "write"]}` is files:read and files:write.
    fn scopes(&self) -> Result<Option<Value>, String> {
        let Some(Value::Object(permissions)) = self.json(&["permissions"])? else { return Ok(None) };
        let each = permissions.iter().flat_map(|(resource, actions)| {
            let actions = actions.as_array().into_iter().flatten().filter_map(Value::as_str);
            actions.map(move |action| json!(format!("{resource}:{action}")))
        });
        Ok(Some(each.collect()))
    }

    /// So many in so many milliseconds there, in whole seconds here.
    fn rate_limit(&self) -> Option<Value> {
        if self.is(&["rateLimitEnabled"]) != Some(true) {
            return None;
        }
        let number = |names: &[&str]| self.any(names).and_then(Value::as_u64).filter(|number| *number > 0);
        let requests = number(&["rateLimitMax"])?;
        let seconds = number(&["rateLimitTimeWindow"])?.div_ceil(1000);
        let seconds = seconds.min(u64::from(limits::RATE_SECONDS));
        Some(json!({"requests": requests, "per_seconds": seconds}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_unkey_becomes_a_line() {
        let row = json!({
            "id": "key_2cGKbMxRyIzhCxo1Idjz8q", "hash": "iTEhPZDGBN8WsdbLpIQF8FLMTQ0qXQxQPUMHAlTSuFE=", "start": "sk_live_3ZaB",
            "name": null, "owner_id": "user_1", "meta": "{\"team\":\"billing\"}", "created_at_m": 1_700_000_000_123u64,
            "expires": "2030-01-02 03:04:05.678", "enabled": 1, "deleted_at_m": null, "remaining": null
        });
        let line = line(Product::Unkey, &row.to_string()).expect("a row");
        let Row::Key(line) = line else { panic!("{line:?}") };
        let expected = json!({
            "old_id": "key_2cGKbMxRyIzhCxo1Idjz8q", "digest": "iTEhPZDGBN8WsdbLpIQF8FLMTQ0qXQxQPUMHAlTSuFE=",
            "name": "key_2cGKbMxRyIzhCxo1Idjz8q", "prefix": "sk_live_3ZaB", "suspended": false,
            "created_at": "2023-11-14T22:13:20.123Z", "expires_at": "2030-01-02T03:04:05.678Z",
            "metadata": {"team": "billing", "owner_id": "user_1"}
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_row_of_better_auth_becomes_a_line() {
        let row = json!({
            "id": "Xb1", "name": "ci", "start": "app_ab", "prefix": "app_", "key": "iTEhPZDGBN8WsdbLpIQF8FLMTQ0qXQxQPUMHAlTSuFE",
            "userId": "u1", "enabled": false, "rateLimitEnabled": true, "rateLimitTimeWindow": 86_400_000, "rateLimitMax": 10,
            "expiresAt": null, "createdAt": "2025-02-03T04:05:06.000+01:00",
            "permissions": "{\"files\":[\"read\",\"write\"]}", "metadata": "\"{\\\"env\\\":\\\"production\\\"}\""
        });
        let line = line(Product::BetterAuth, &row.to_string()).expect("a row");
        let Row::Key(line) = line else { panic!("{line:?}") };
        assert_eq!(line["scopes"], json!(["files:read", "files:write"]));
        assert_eq!(line["rate_limit"], json!({"requests": 10, "per_seconds": 86_400}));
        assert_eq!(line["metadata"], json!({"env": "production", "user_id": "u1"}));
        assert_eq!(
            (&line["suspended"], &line["created_at"]),
            (&json!(true), &json!("2025-02-03T03:05:06.000Z"))
        );
        assert_eq!((&line["expires_at"], &line["prefix"]), (&Value::Null, &json!("app_ab")));
    }

    #[test]
    fn what_was_deleted_there_is_left_out_and_what_is_no_row_is_told() {
        let deleted = json!({"id": "k", "hash": "x", "deleted_at_m": 1}).to_string();
        assert_eq!(line(Product::Unkey, &deleted), Ok(Row::Deleted));
        assert_eq!(line(Product::Unkey, " \n"), Ok(Row::Blank));
        for bad in
            ["{", "[]", r#"{"hash":"x"}"#, r#"{"id":"k"}"#, r#"{"id":"k","hash":"x","expires":"soon"}"#]
        {
            assert!(line(Product::Unkey, bad).is_err(), "{bad}");
        }
    }
}
