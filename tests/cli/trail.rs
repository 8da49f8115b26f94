//! `credledger trail`: what happened in a tenant, and in the whole ledger, as it comes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::asking::{Asking, Folder};
use crate::support::hostile::{Does, Hostile, answer, torn};
use crate::support::service::{Service, eventually, text};

fn lines(told: &str) -> Vec<Value> {
    told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_filter_of_the_trail_is_a_flag_and_finds_what_the_service_finds() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let admin = service.operator("org_admin", &[&tenant.id]);
    let (key, client) = (tenant.mint("ci-runner"), tenant.seen_by(&admin).client("exporter"));
    key.edit(json!({"name": "nightly"}));
    key.revoke("unused");
    let asking = Asking::of(&service, &service.operator("auditor", &[&tenant.id]));
    let trail = root.get_caught_up(&format!("{}/audit?limit=500", tenant.path())).expect(200);
    let trail = trail["data"].as_array().expect("a trail").clone();
    let told = |args: &[&str]| {
        let all = [&["trail", "--tenant", "acme", "--json"], args].concat();
        lines(&asking.run(&all).done())
    };
    assert_eq!(told(&[]), trail);
    let who = text(
        &trail.iter().find(|event| event["subject"]["id"] == client.id.as_str()).expect("it")["actor"]["id"],
    );
    let revoked = text(&trail.last().expect("an event")["at"]);
    let is = |event: &Value, member: &str, value: &str| event[member] == value;
    type Holds<'h> = Box<dyn Fn(&Value) -> bool + 'h>;
    let filters: Vec<(Vec<&str>, Holds<'_>)> = vec![
        (vec!["--type", "api_key.*"], Box::new(|event| text(&event["type"]).starts_with("api_key."))),
        (
            vec!["--type", "api_key.revoked", "--type", "oauth_client.created"],
            Box::new(|event| {
                is(event, "type", "api_key.revoked") || is(event, "type", "oauth_client.created")
            }),
        ),
        (vec!["--subject", &key.id], Box::new(|event| is(&event["subject"], "id", &key.id))),
        (vec!["--actor", &who], Box::new(|event| is(&event["actor"], "id", &who))),
        (vec!["--client-ip", "127.0.0.1"], Box::new(|event| is(event, "client_ip", "127.0.0.1"))),
        (vec!["--client-ip", "192.0.2.1"], Box::new(|_| false)),
        (vec!["--from", &revoked], Box::new(|event| text(&event["at"]) >= revoked)),
        (vec!["--to", &revoked], Box::new(|event| text(&event["at"]) < revoked)),
    ];
    for (args, holds) in &filters {
        let expected: Vec<Value> = trail.iter().filter(|event| holds(event)).cloned().collect();
        assert_eq!(told(args), expected, "{args:?}");
    }
    let mut turned = trail.clone();
    turned.reverse();
    assert_eq!(told(&["--newest"]), turned);
    assert_eq!(told(&["--newest", "--limit", "3"]), turned[..3]);
    // As a table, each with whom it happened to.
    let table = asking.run(&["trail", "--tenant", "acme", "--subject", &key.id]).done();
    let rows: Vec<&str> = table.lines().collect();
    assert!(
        rows[0].starts_with("POSITION  AT ") && rows[0].contains("SUBJECT") && rows.len() == 4,
        "{table}"
    );
    assert!(rows[1].contains("ci-runner") && rows[3].contains("reason unused"), "{table}");
    assert_eq!(asking.run(&["trail", "--tenant", "acme", "--client-ip", "192.0.2.1"]).done(), "No event.\n");
    for (args, told) in [
        (["--client-ip", "192.0.2.0/24"], "client_ip"),
        (["--type", "api_key.sneezed"], "no event is of this type"),
        (["--from", "tomorrow"], "from"),
        (["--from", "9998-01-01T00:00:00Z"], "not come yet"),
    ] {
        let err = asking.run(&["trail", "--tenant", "acme", args[0], args[1]]).failed(1);
        assert!(err.contains("refused it (400)") && err.contains(told), "{err}");
    }
}

#[test]
fn the_whole_ledger_is_told_to_whoever_may_read_it_and_followed_as_it_goes_on() {
    let service = Service::start();
    let root = service.root();
    let tenant = root.tenant("acme", json!({}));
    let key = tenant.mint("ci-runner");
    let asking = Asking::of(&service, &service.operator("auditor", &[]));
    let all = lines(&asking.run(&["trail", "--ledger", "--json"]).done());
    assert!(all.iter().enumerate().all(|(index, event)| event["position"] == index), "{all:?}");
    let from = key.minted["position"].to_string();
    let some = lines(&asking.run(&["trail", "--ledger", "--json", "--position", &from]).done());
    assert_eq!(some, all[key.minted["position"].as_u64().expect("a position") as usize..]);
    let beyond = asking.run(&["trail", "--ledger", "--position", "1000000"]).failed(1);
    assert!(beyond.contains("(400)"), "{beyond}");

    let next = all.len().to_string();
    let args = ["trail", "--ledger", "--follow", "--json", "--position", &next, "--limit", "2"];
    let mut following = asking.command(&args).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut told = BufReader::new(following.stdout.take().expect("a pipe"));
    let read = |told: &mut BufReader<_>| {
        let mut line = String::new();
        told.read_line(&mut line).expect("a line");
        serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    };
    key.edit(json!({"name": "nightly"}));
    assert_eq!(read(&mut told)["changes"]["name"]["to"], "nightly");
    key.revoke("unused");
    assert_eq!(read(&mut told)["type"], "api_key.revoked");
    let ended = eventually(|| following.try_wait().expect("a look")).expect("it ends by itself");
    assert_eq!(ended.code(), Some(0));

    let narrow = Asking::of(&service, &service.operator("auditor", &[&tenant.id]));
    for more in [&[][..], &["--follow"]] {
        let err = narrow.run(&[&["trail", "--ledger"], more].concat()).failed(1);
        assert!(err.contains("refused it (403)"), "{err}");
    }
    for args in [
        &["trail"][..],
        &["trail", "--tenant", "acme", "--ledger"],
        &["trail", "--tenant", "acme", "--follow"],
        &["trail", "--tenant", "acme", "--position", "1"],
        &["trail", "--ledger", "--type", "api_key.*"],
        &["trail", "--ledger", "--newest"],
        &["trail", "--ledger", "--position", "-1"],
    ] {
        narrow.run(args).failed(2);
    }
}

/// A feed that breaks is taken up behind the last event, and one that leaves an event out is not believed.
#[test]
fn a_feed_goes_on_where_it_broke_off_and_misses_nothing() {
    let folder = Folder::new();
    let event = |position: u64| format!("id: {position}\ndata: {{\"position\":{position}}}\n\n");
    let feed = |text: &str| Does::Says(torn("text/event-stream", text));
    let service = Hostile::that(vec![
        feed(&format!(":\n\n{}{}", event(3), "id: 4\ndata: {\"posi")),
        Does::Says(answer(503, "application/problem+json", "", "{\"detail\":\"it starts\"}")),
        feed(&format!("{}event: other\nretry: 5\n\n{}", event(4), event(6))),
    ]);
    let asking = Asking::at(service.url.clone(), &folder.0, "token");
    let ran = asking.run(&["trail", "--ledger", "--follow", "--json", "--position", "3"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(1), "{\"position\":3}\n{\"position\":4}\n"),
        "{}",
        ran.err
    );
    for told in ["went away. Going on in 1 s", "it starts", "The event at position 5 did not come; 6 did."] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    let heads = service.asked();
    for (head, from) in heads.iter().zip([3, 4, 4]) {
        assert!(
            head.starts_with(&format!("GET /api/admin/v1/ledger/events?from={from} HTTP/1.1\r\n")),
            "{head}"
        );
        assert!(head.contains("\r\nAccept: text/event-stream\r\n"), "{head}");
    }
    assert_eq!(heads.len(), 3);
    let over = Hostile::that(vec![Does::Says(answer(
        401,
        "application/problem+json",
        "",
        "{\"detail\":\"It ended\"}",
    ))]);
    let asking = Asking::at(over.url.clone(), &folder.0, "token");
    assert!(asking.run(&["trail", "--ledger", "--follow"]).failed(1).contains("(401): It ended."));
}
