//! P7: whoever may write to the tables mints nothing. Each forgery is refused, and the sentence names the row or the position.

mod forged;
mod given_back;
mod rollback;

use credledger::domain::scope::Scope;
use credledger::projections::credentials::CredentialRecord;
use credledger::projections::policy::Policy;
use serde_json::json;

use self::forged::{Ledger, refusal};
use crate::library;
use crate::support::batch::{Batch, Writer as BatchWriter};

/// A forgery, and the row that the refusal must name.
struct Forgery {
    name: &'static str,
    sql: String,
    named: Named,
}

enum Named {
    Row(&'static str, String),
    /// what is missing can't be named by its own row
    Words(&'static str),
}

fn forgeries(ledger: &Ledger) -> Vec<Forgery> {
    let Ledger { narrow, wide, foreign, revoked, dated, rotated, tenant, other, operator, .. } = ledger;
    let Ledger { member, owned, .. } = ledger;
    let row = |projection: &'static str, id: &str| Named::Row(projection, id.to_owned());
    let mut all = Vec::new();
    let mut forge = |name, sql: String, named| all.push(Forgery { name, sql, named });
    forge(
        "a digest's row is moved to another tenant",
        format!("update credledger.secrets set tenant_id = '{other}' where id = '{}'", narrow.secret),
        row("secrets", &narrow.secret),
    );
    forge(
        "a digest is written into another tenant's secret",
        format!(
            "update credledger.secrets set record = (select record from credledger.secrets where id = '{}') where id = '{}'",
            narrow.secret, foreign.secret
        ),
        row("secrets", &foreign.secret),
    );
    forge(
        "a digest is written into another tenant's secret, with its mac",
        format!(
            "update credledger.secrets held set (record, mac, version) = \
             (select record, mac, version from credledger.secrets where id = '{}') where id = '{}'",
            narrow.secret, foreign.secret
        ),
        row("secrets", &foreign.secret),
    );
    forge(
        "a secret's row is copied under a fresh id",
        format!(
            "insert into credledger.secrets select ledger_id, '00000000-0000-7000-8000-000000000001', tenant_id, version, \
             record, mac, client_id, credential_id, ends_at_ms, prefix from credledger.secrets where id = '{}'",
            narrow.secret
        ),
        row("secrets", "00000000-0000-7000-8000-000000000001"),
    );
    forge(
        "scopes are widened",
        format!(
            "update credledger.credentials set scopes = '{{*}}', record = '\\x{}' where id = '{}'",
            everything(),
            narrow.id
        ),
        row("credentials", &narrow.id),
    );
    forge(
        "a wider credential's record and mac are copied",
        format!(
            "update credledger.credentials set (record, mac, version) = \
             (select record, mac, version from credledger.credentials where id = '{}') where id = '{}'",
            wide.id, narrow.id
        ),
        row("credentials", &narrow.id),
    );
    forge(
        "another row's mac is copied",
        format!(
            "update credledger.credentials set mac = (select mac from credledger.credentials where id = '{}') where id = '{}'",
            wide.id, narrow.id
        ),
        row("credentials", &narrow.id),
    );
    forge(
        "a mac is cut short",
        format!("update credledger.credentials set mac = substr(mac, 1, 8) where id = '{}'", wide.id),
        row("credentials", &wide.id),
    );
    forge(
        "a revoked key is revived",
        format!(
            "update credledger.credentials set revoked = false, ended_at_ms = null, \
             record = set_byte(record, 1, get_byte(record, 1) & 253) where id = '{}'",
            revoked.id
        ),
        row("credentials", &revoked.id),
    );
    forge(
        "an expiry is taken away",
        format!(
            "update credledger.credentials set expires_at_ms = null, \
             record = substr(record, 1, 2) || '\\xffffffffffffffff' || substr(record, 11) where id = '{}'",
            dated.id
        ),
        row("credentials", &dated.id),
    );
    forge(
        "a grace window is taken away",
        format!(
            "update credledger.secrets set ends_at_ms = null, \
             record = substr(record, 1, 18) || '\\xffffffffffffffff' || substr(record, 27) where id = '{}'",
            rotated.secret
        ),
        row("secrets", &rotated.secret),
    );
    forge(
        "a version is put back",
        format!("update credledger.credentials set version = 1 where id = '{}'", revoked.id),
        row("credentials", &revoked.id),
    );
    forge(
        "a living secret's row is deleted",
        format!("delete from credledger.secrets where id = '{}'", narrow.secret),
        Named::Words("some credential has no active secret"),
    );
    forge(
        "a credential's row is deleted from under its secrets",
        format!("delete from credledger.credentials where id = '{}'", narrow.id),
        Named::Words("its credential is unknown"),
    );
    forge(
        "a suspended tenant is resumed",
        format!("update credledger.tenants set record = set_byte(record, 1, 0) where id = '{other}'"),
        row("tenants", other),
    );
    forge(
        "a tenant's row is exchanged for another's",
        format!(
            "update credledger.tenants set (record, mac, version) = \
             (select record, mac, version from credledger.tenants where id = '{tenant}') where id = '{other}'"
        ),
        row("tenants", other),
    );
    forge(
        "a disabled member is enabled",
        format!("update credledger.members set record = set_byte(record, 1, 0) where id = '{member}'"),
        row("members", member),
    );
    forge(
        "a member is given the scopes of another tenant's",
        format!(
            "update credledger.members m set record = f.record, mac = f.mac, version = f.version \
             from credledger.members f where m.id = '{member}' and f.tenant_id = '{other}'"
        ),
        row("members", member),
    );
    forge(
        "a key is taken from its owner",
        format!(
            "update credledger.credentials set owner_id = null, record = set_byte(substr(record, 1, 14), 1, \
             get_byte(record, 1) & 251) || substr(record, 31) where id = '{}'",
            owned.id
        ),
        row("credentials", &owned.id),
    );
    forge(
        "a member's row is deleted from under its keys",
        format!("delete from credledger.members where id = '{member}'"),
        Named::Words("no such member"),
    );
    forge(
        "an operator becomes root",
        format!(
            "update credledger.operators set (record, mac, version) = (select record, mac, version \
             from credledger.operators where position('root'::bytea in record) > 0 limit 1) where id = '{operator}'"
        ),
        row("operators", operator),
    );
    forge(
        "a token is given to another operator",
        format!(
            "update credledger.operator_tokens set operator_id = (select id from credledger.operators where id <> '{operator}' limit 1), \
             record = (select record from credledger.operator_tokens where operator_id <> '{operator}' limit 1) \
             where operator_id = '{operator}'"
        ),
        Named::Words("of projection \"operator_tokens\" is refused: its mac does not hold"),
    );
    all
}

/// The record that an attacker who knows the code would write.
fn everything() -> String {
    let scopes = vec![Scope::parse("*").expect("a scope")];
    let policy = Policy { scopes, ..Policy::default() }.encode();
    let record = CredentialRecord {
        suspended: false,
        revoked: false,
        expires_at: None,
        name_version: 1,
        owner: None,
        policy: &policy,
    };
    record.encode().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn p7_every_forged_row_stops_the_start_with_a_sentence_that_names_it() {
    let mut ledger = Ledger::new();
    ledger.service.stop();
    ledger.keep_rows();
    for Forgery { name, sql, named } in forgeries(&ledger) {
        let changed = library::block_on(async {
            let admin = ledger.admin().await;
            admin.execute(&sql, &[]).await.unwrap_or_else(|error| panic!("{name}: {error:?}"))
        });
        assert_eq!(changed, 1, "{name}: the forgery was made");
        let said = refusal(&ledger.service).unwrap_or_else(|| panic!("{name}: the service started"));
        match named {
            Named::Row(projection, id) => {
                let sentence = format!("row {id} of projection \"{projection}\" is refused");
                assert!(said.contains(&sentence), "{name}: {said}");
            }
            Named::Words(words) => assert!(said.contains(words), "{name}: {said}"),
        }
        ledger.put_rows_back();
    }
    ledger.service.start_again();
    ledger.verdicts_are_right();
}

#[test]
fn p7_an_event_appended_by_the_services_own_role_without_a_mac_stops_every_verdict() {
    let mut ledger = Ledger::new();
    ledger.verdicts_are_right();
    let position = library::block_on(async {
        let database = ledger.service.database.as_ref().expect("a database");
        let writer = BatchWriter::register(database.role("credledger_append").await).await;
        let head = ledger.admin().await.query_one("select last_at_ms from credledger.heads", &[]).await;
        let mut batch = Batch::new();
        batch.write(ledger.wide.id.parse().expect("an id"), 1);
        writer.append(head.expect("a head").get::<_, i64>(0) + 1, &batch).await.positions[0]
            .expect("a position")
    });
    let sentence = format!("the event at position {position} has no valid mac");
    ledger.stops_answering(&sentence);
    // A new start reads rows, and the forgery has none: it has no effect on a verdict, and its stream takes no change.
    ledger.service.stop();
    ledger.service.start_again();
    ledger.verdicts_are_right();
    let root = ledger.service.root();
    let path = ledger.path(&ledger.wide.id);
    let answer = root.patch(&path, &json!({"name": "decided on a forged past"}));
    assert_eq!(answer.status, 500, "{}", answer.text());
}

#[test]
fn p7_a_genuine_event_copied_to_a_later_place_stops_every_verdict() {
    for stream in ["stream_id", "(select id from credledger.credentials where id <> stream_id limit 1)"] {
        let ledger = Ledger::new();
        let position = library::block_on(async {
            let admin = ledger.admin().await;
            let copy = format!(
                "with head as (update credledger.heads set head = head + 1 returning head - 1 as position) \
                 insert into credledger.events \
                 select ledger_id, (select position from head), {stream}, 99, tenant_id, type, at_ms, entry, mac, leaf \
                   from credledger.events where stream_id = $1 and version = 1 returning position"
            );
            let row =
                admin.query_one(&copy, &[&ledger.revoked.id.parse::<uuid::Uuid>().expect("an id")]).await;
            row.expect("a copy").get::<_, i64>(0)
        });
        ledger.stops_answering(&format!("position {position}"));
    }
}

#[test]
fn p7_a_changed_event_is_named_by_its_position_and_nothing_is_decided_on_it() {
    let mut ledger = Ledger::new();
    let path = ledger.path(&ledger.narrow.id);
    let history = ledger.service.root().get(&format!("{path}/history")).expect(200);
    let position = history["data"][0]["position"].as_u64().expect("a position");
    ledger.service.stop();
    library::block_on(async {
        let admin = ledger.admin().await;
        // Whoever owns the tables can do it; no role of the service can.
        admin
            .batch_execute("alter table credledger.events disable trigger all")
            .await
            .expect("an owner's right");
        let widened = "update credledger.events set entry = set_byte(entry, octet_length(entry) - 3, 42) where position = $1";
        assert_eq!(admin.execute(widened, &[&position.cast_signed()]).await.expect("a change"), 1);
    });
    ledger.service.start_again();
    let root = ledger.service.root();
    for request in [
        root.request("GET", &format!("{path}/history")),
        root.request("GET", &path),
        root.request("PATCH", &path).json(&json!({"name": "decided on a forged past"})),
        root.request("POST", &format!("{path}/rotate")).json(&json!({})),
    ] {
        let answer = root.send(&request);
        assert_eq!(answer.status, 500, "{} {}: {}", request.method, request.path, answer.text());
    }
    let sentence = format!("the event at position {position} has no valid mac");
    assert!(ledger.service.log().contains(&sentence), "{}", ledger.service.log());
    // What others may do is none of that event's business.
    ledger.gateway().verify(&ledger.wide.text).is_accepted();
}

#[test]
fn p7_columns_that_only_lists_go_by_change_no_verdict() {
    let mut ledger = Ledger::new();
    let before = ledger.verdicts();
    ledger.service.stop();
    library::block_on(async {
        let admin = ledger.admin().await;
        for change in [
            "update credledger.credentials set scopes = '{*}', revoked = not revoked, suspended = not suspended, \
             ended_at_ms = null, expires_at_ms = 1, created_at_ms = 1, due_at_ms = null, owner_id = null, kind = 'oauth_client'",
            "update credledger.members set disabled = not disabled, name_version = 9",
            "update credledger.secrets set prefix = 'cl_live_forged', ends_at_ms = null, credential_id = tenant_id, \
             client_id = 'cl_client_forged'",
            "update credledger.tenants set slug = 'forged-' || id",
            "update credledger.operator_tokens set prefix = 'forged', operator_id = id",
        ] {
            assert!(admin.execute(change, &[]).await.expect("a change") > 0, "{change}");
        }
    });
    ledger.service.start_again();
    let after = ledger.verdicts();
    let essence = |verdicts: &[serde_json::Value]| -> Vec<_> {
        let parts = |verdict: &serde_json::Value| {
            json!([
                verdict["valid"],
                verdict["reason"],
                verdict["scopes"],
                verdict["credential_id"],
                verdict["tenant_id"],
                verdict["owner"],
                verdict["name"],
                verdict["secret_status"],
                verdict["expires_at"]
            ])
        };
        verdicts.iter().map(parts).collect()
    };
    assert_eq!(essence(&before), essence(&after));
}

/// Names are people's text, and stand where they can be erased: told beside a verdict, they are as bound as the rest of it.
#[test]
fn p7_a_name_changed_or_deleted_in_the_database_stops_the_start_and_an_erased_one_does_not() {
    let mut ledger = Ledger::new();
    ledger.service.stop();
    let of = |id: &str| format!("where stream_id = '{id}' and version = 1");
    let (key, operator) = (ledger.narrow.id.clone(), ledger.operator.clone());
    for (projection, id) in [("credentials", &key), ("operators", &operator)] {
        ledger.run("create table kept_names as table credledger.personal");
        for forged in [
            "jsonb_set(slots::jsonb, '{name,1}', '\"renamed\"')::json".to_owned(),
            // Another's name, with its salt.
            format!(
                "jsonb_set(slots::jsonb, '{{name}}', (select slots::jsonb->'name' from credledger.personal {} limit 1))::json",
                of(&ledger.wide.id)
            ),
        ] {
            ledger.run(&format!("update credledger.personal set slots = {forged} {}", of(id)));
            let said =
                refusal(&ledger.service).unwrap_or_else(|| panic!("{projection}: the service started"));
            let sentence =
                format!("row {id} of projection \"{projection}\" is refused: its name is not the one");
            assert!(said.contains(&sentence), "{said}");
            ledger.run(
                "update credledger.personal held set slots = kept.slots from kept_names kept \
                 where (held.stream_id, held.version) = (kept.stream_id, kept.version)",
            );
        }
        // No erasure took it: the mac that bound it is still there.
        ledger
            .run(&format!("update credledger.personal set slots = (slots::jsonb - 'name')::json {}", of(id)));
        let said = refusal(&ledger.service).unwrap_or_else(|| panic!("{projection}: the service started"));
        assert!(
            said.contains(&format!("row {id} of projection \"{projection}\" is refused: its name is gone")),
            "{said}"
        );
        ledger.run(
            "update credledger.personal held set slots = kept.slots from kept_names kept \
             where (held.stream_id, held.version) = (kept.stream_id, kept.version)",
        );
        ledger.run("drop table kept_names");
    }
    ledger.service.start_again();
    let root = ledger.service.root();
    root.post("/api/admin/v1/erasures", &json!({"operator": operator, "reason": "requested"})).expect(201);
    let key = format!("/api/admin/v1/tenants/{}/keys/{key}", ledger.tenant);
    let created = root.get(&format!("{key}/history")).expect(200)["data"][0]["position"].clone();
    let erasures = format!("/api/admin/v1/tenants/{}/erasures", ledger.tenant);
    root.post(&erasures, &json!({"text": {"position": created, "members": ["name"]}, "reason": "requested"}))
        .expect(201);
    ledger.service.stop();
    ledger.service.start_again();
    assert_eq!(ledger.service.root().get(&key).expect(200)["name"], json!({"erased": true}));
    ledger.gateway().verify(&ledger.wide.text).is_accepted();
}
