//! A token that was given back stays so, whatever becomes of the rows: what says so is its event alone.

use std::process::Command;

use serde_json::json;

use super::forged::{Ledger, ROWS, refusal};
use crate::library;
use crate::support::client::Request;
use crate::support::service::{Service, text};

/// Two tokens of one client, of which the first has been given back; and where that stands.
struct GivenBack {
    ledger: Ledger,
    ended: String,
    living: String,
    position: i64,
}

impl GivenBack {
    fn new() -> Self {
        let ledger = Ledger::new();
        let root = ledger.service.root();
        let path = format!("/api/admin/v1/tenants/{}/clients", ledger.tenant);
        let client = root.post(&path, &json!({"name": "c"})).expect(201);
        let (id, secret) = (text(&client["client_id"]), text(&client["secret"]));
        let body = format!("client_id={id}&client_secret={secret}&grant_type=client_credentials");
        let request = Request::new("POST", "/api/v1/oauth/token");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let request = request.body(body.into_bytes());
        let [ended, living] =
            [(); 2].map(|()| text(&ledger.service.anonymous().send(&request).expect(200)["access_token"]));
        let said = json!({"reason": "leaked", "note": "seen in a log"});
        let told = ledger.service.actor(&ended).post("/api/v1/self/revoke", &said).expect(200);
        let position = told["position"].as_i64().expect("a position");
        GivenBack { ledger, ended, living, position }
    }

    fn is_as_it_was(&self) {
        let refused = self.ledger.service.whoami(&self.ended).problem(401, "unauthorized");
        assert_eq!(refused["reason"], "revoked");
        self.ledger.service.whoami(&self.living).expect(200);
    }
}

#[test]
fn p7_a_token_that_was_given_back_lives_again_by_no_row_that_is_taken_away() {
    let mut given_back = GivenBack::new();
    given_back.is_as_it_was();
    given_back.ledger.service.stop();
    given_back.ledger.keep_rows();
    // Without operators or signing keys a start makes others: that is another ledger's beginning.
    let others = ["operators", "operator_tokens", "signing_keys"];
    for table in ROWS.into_iter().filter(|table| !others.contains(table)) {
        given_back.ledger.run(&format!("delete from credledger.{table}"));
        // Most starts refuse that; where one does not, the token is refused all the same.
        if refusal(&given_back.ledger.service).is_none() {
            given_back.ledger.service.start_again();
            let refused = given_back.ledger.service.whoami(&given_back.ended);
            assert_eq!(refused.status, 401, "without {table}: {}", refused.text());
            given_back.ledger.service.stop();
        }
        given_back.ledger.put_rows_back();
    }
    given_back.ledger.service.start_again();
    given_back.is_as_it_was();
    given_back.ledger.service.stop();
    rebuild(&given_back.ledger.service);
    given_back.ledger.service.start_again();
    given_back.is_as_it_was();
}

#[test]
fn p7_the_event_that_gave_a_token_back_is_not_changed_unseen() {
    let mut given_back = GivenBack::new();
    let GivenBack { ledger, position, .. } = &mut given_back;
    ledger.service.stop();
    ledger.run("alter table credledger.events disable trigger all");
    ledger.run("create table kept_event as table credledger.events");
    for change in [
        // It ends some time ago; it is of another token; its mac is another event's.
        "entry = set_byte(entry, octet_length(entry) - 3, 42)",
        "entry = (select entry from kept_event where type = 'oauth_client.created' limit 1)",
        "stream_id = gen_random_uuid()",
        "mac = (select mac from kept_event where position = 0)",
    ] {
        ledger.run(&format!("update credledger.events set {change} where position = {position}"));
        let said = refusal(&ledger.service).unwrap_or_else(|| panic!("{change}: the service started"));
        let sentence = format!("the event at position {position} has no valid mac");
        assert!(said.contains(&sentence), "{change}: {said}");
        ledger.run(
            "update credledger.events held set (entry, mac, stream_id) = (kept.entry, kept.mac, kept.stream_id) \
             from kept_event kept where held.position = kept.position",
        );
    }
    // A genuine one that is of no token, in its place.
    ledger.run(
        "update credledger.events set type = 'access_token.revoked', at_ms = (extract(epoch from clock_timestamp()) * 1000)::bigint \
         where position = 0",
    );
    let said = refusal(&ledger.service).expect("it is refused");
    assert!(said.contains("the event at position 0 does not go with the rows: it ends no token"), "{said}");
    ledger.run("update credledger.events set type = (select type from kept_event where position = 0) where position = 0");
    ledger.service.start_again();
    given_back.is_as_it_was();
}

/// Why it was given back is kept, and what was said with it apart, where it can be erased.
#[test]
fn what_was_said_of_a_token_that_was_given_back_stands_in_its_event() {
    let given_back = GivenBack::new();
    let GivenBack { ledger, position, .. } = &given_back;
    let (entry, note) = library::block_on(async {
        let admin = ledger.admin().await;
        let row = admin
            .query_one(
                "select e.entry, p.slots->'note'->>1 from credledger.events e join credledger.personal p using (stream_id, version) \
                 where e.position = $1",
                &[position],
            )
            .await
            .expect("an event with what is personal of it");
        (row.get::<_, Vec<u8>>(0), row.get::<_, String>(1))
    });
    let entry = String::from_utf8_lossy(&entry).into_owned();
    assert!(entry.contains(r#""reason":"leaked""#) && !entry.contains("seen in a log"), "{entry}");
    assert_eq!(note, "seen in a log");
}

fn rebuild(service: &Service) {
    let database = service.database.as_ref().expect("a database of its own");
    let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
    command.arg("rebuild").arg("--data-dir").arg(service.data_dir());
    command.args(["--database-url", &database.url, "--database-admin-url", &database.admin_url]);
    let output = command.args(["--allow-unsafe-database", "true"]).output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
