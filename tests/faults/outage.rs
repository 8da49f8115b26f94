//! What an outage of the database writes into the log: that it began, and that it is over.

use serde_json::Value;

use crate::behind_a_proxy;
use crate::support::service::{Service, eventually};

const BEGAN: &str = "waits for the database";
const GOES_ON: &str = "still waits for the database";
const OVER: &str = "the database answers again";

/// The lines of one loop with this message.
fn lines(service: &Service, what: &str, message: &str) -> Vec<Value> {
    let parsed =
        service.log().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect::<Vec<_>>();
    parsed.into_iter().filter(|line| line["what"] == what && line["message"] == message).collect()
}

#[test]
fn each_loop_says_once_that_an_outage_began_and_once_how_long_it_took() {
    let (service, proxy, _database) =
        behind_a_proxy(Service::start_private, &["--log", "info,credledger=debug"]);
    let root = service.root();
    let (following, lease, writing) = ("following the ledger", "the lease", "writing commands");
    for outage in 1..=2 {
        proxy.refuse();
        let turns = |what| lines(&service, what, GOES_ON).len();
        let (polls, renewals) = (turns(following), turns(lease));
        // Whoever writes now is refused, as often as it likes.
        let refused = || {
            let answer = root.post("/api/admin/v1/tenants", &serde_json::json!({"name": "refused"}));
            assert_eq!(answer.status, 503, "{}", answer.text());
        };
        eventually(|| {
            refused();
            (turns(following) >= polls + 20 && turns(lease) > renewals).then_some(())
        })
        .expect("many polls of a database that is away");
        proxy.heal();
        eventually(|| (service.anonymous().get("/readyz").status == 200).then_some(()))
            .expect("the database is back");
        for what in [following, lease] {
            eventually(|| (lines(&service, what, OVER).len() >= outage).then_some(()))
                .expect("the end is told");
            assert_eq!(lines(&service, what, BEGAN).len(), outage, "{what}");
            let over = lines(&service, what, OVER);
            assert_eq!(over.len(), outage, "{what}");
            let told = &over[outage - 1];
            assert!(told["seconds"].as_f64() > Some(0.0) && told["failures"].as_u64() > Some(1), "{told}");
        }
        assert!(lines(&service, writing, BEGAN).len() <= outage, "{}", service.log());
    }
    let loud = |line: &&str| line.contains("\"WARN\"") || line.contains("\"ERROR\"");
    let log = service.log();
    let loud: Vec<&str> = log.lines().filter(loud).collect();
    // Fifteen loops, each once in each outage, and the connections that were lost.
    assert!(loud.len() <= 40, "{} loud lines of two outages:\n{}", loud.len(), loud.join("\n"));
}
