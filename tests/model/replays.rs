//! Verdicts that the service told while a history went on: by `decide` it tells each of them again, at its position and its
//! instant, whatever came after (N3).

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use credledger::domain::credential::Kind;
use serde_json::{Value, json};

use crate::run::Run;
use crate::support::service::{Actor, Service};
use crate::verdicts::{Question, questions};

const BATCH: usize = 100;

struct Said {
    /// as verify was asked
    question: Value,
    verdict: Value,
}

#[derive(Default)]
pub struct Record(Vec<Said>);

impl Record {
    /// About each secret of each key, in one more way at each turn.
    pub fn ask_run(&mut self, gateway: &Actor, run: &Run<'_>, turn: usize) {
        let keys = run.keys.iter().flatten().filter_map(|id| run.oracle.credential(*id));
        let secrets = keys.filter(|key| key.kind() == Kind::ApiKey).flat_map(|key| key.secrets);
        let asked = secrets.enumerate().flat_map(|(number, secret)| {
            let text = run.secrets.get(&secret.facts.id).expect("the text of every secret is known");
            let all = questions(turn + number, &run.tenants);
            let picked = all.into_iter().nth(turn % 4);
            picked.map(|question| asked(text, &question))
        });
        self.ask(gateway, asked.collect());
    }

    pub fn ask(&mut self, gateway: &Actor, questions: Vec<Value>) {
        for batch in questions.chunks(BATCH) {
            let answer = gateway.post("/api/v1/verify/batch", &json!({"items": batch})).expect(200);
            let answers = answer["data"].as_array().expect("a list");
            assert_eq!(answers.len(), batch.len());
            let said = batch
                .iter()
                .zip(answers)
                .map(|(question, verdict)| Said { question: question.clone(), verdict: verdict.clone() });
            self.0.extend(said);
        }
    }

    pub fn is_told_again(&self, auditor: &Actor) {
        self.0.iter().for_each(|said| said.is_told_again(auditor));
    }

    /// The last that each secret was told, and each reason once: for what is asked once more later.
    pub fn some(self) -> Record {
        let mut seen = BTreeSet::new();
        let mut first = |said: &Said| {
            let of = |name: &str| said.verdict[name].to_string();
            seen.insert(format!("{} {}", of("secret_id"), of("reason")))
        };
        Record(self.0.into_iter().rev().filter(|said| first(said)).collect())
    }

    pub fn add(&mut self, other: Record) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many verdicts were of this outcome.
    pub fn met(&self, reason: &str) -> usize {
        self.0.iter().filter(|said| said.verdict["reason"].as_str().unwrap_or("accepted") == reason).count()
    }
}

fn asked(text: &str, question: &Question) -> Value {
    json!({"credential": text, "client_ip": question.ip, "scopes": question.scopes,
           "operation": question.operation, "tenant": question.tenant, "audience": question.audience})
}

impl Said {
    fn is_told_again(&self, auditor: &Actor) {
        let Said { question, verdict } = self;
        let mut body = question.clone();
        let members = body.as_object_mut().expect("a question");
        for name in ["credential", "audience"] {
            members.remove(name);
        }
        for (name, told) in [("secret_id", "secret_id"), ("position", "position"), ("at", "judged_at")] {
            members.insert(name.to_owned(), verdict[told].clone());
        }
        let tenant = verdict["tenant_id"].as_str().expect("the secret of a key of the history");
        let again = auditor.post(&format!("/api/admin/v1/tenants/{tenant}/decide"), &body).expect(200);
        let decided_by = again["decided_by"].as_array().expect("positions");
        let last = decided_by.last().and_then(Value::as_u64).expect("its mint, at least");
        assert!(last <= verdict["position"].as_u64().expect("a position"), "{again}");
        if verdict["reason"] == "rate_limited" {
            // The limiter stands behind the verdict, and is not replayed.
            assert_eq!(again["valid"], true, "{body}\n{again}");
            return;
        }
        // A name that was erased since is told no more, not even of then.
        let erased = (again["credential_id"].is_string() && again["name"].is_null()).then_some("name");
        let bare = |told: &Value| {
            let mut told = told.as_object().expect("a verdict").clone();
            for name in ["rate_limit", "decision_id", "decided_by"].into_iter().chain(erased) {
                told.remove(name);
            }
            Value::Object(told)
        };
        assert_eq!(bare(&again), bare(verdict), "{body}");
    }
}

/// With every projection made anew from the events, and the service started again on them.
pub fn rebuilt(service: &mut Service) {
    assert_eq!(service.stop(), Some(0));
    let database = service.database.as_ref().expect("a database of its own");
    let mut command = Command::new(env!("CARGO_BIN_EXE_credledger"));
    command.arg("rebuild").arg("--data-dir").arg(service.data_dir()).stdin(Stdio::null());
    command.args(["--database-url", &database.url, "--database-admin-url", &database.admin_url]);
    let rebuilt = command.args(["--allow-unsafe-database", "true"]).output().expect("the binary runs");
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    service.start_again();
}
