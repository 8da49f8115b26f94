//! S4 and S5 of the budgets, and how fast the view loads and follows: `cargo bench --bench view -- [S4] [S5] [credentials]`.
//!
//! Time and memory are told as ratios to a limit of the same run. Keys, names and policies are made as people make them:
//! a hundred tenants, twenty policies, names of 7 to 34 characters, every key in the installation's own format.
#![allow(clippy::disallowed_macros)] // what a bench measures is its output

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use credledger::clock::{BootTime, Timestamp};
use credledger::domain::access::{Possession, Request};
use credledger::domain::credential::{
    Created, CredentialEvent, EndCause, Imported, ImportedSecret, Kind, Rotated, SecretExpired, SecretFacts,
    rotate::SecretEnd,
};
use credledger::domain::event::{Actor, Event, Recorded};
use credledger::domain::ids::{SecretId, StreamId, TenantId};
use credledger::domain::imports::{self, Alphabet, Declared, ForeignFormat, ImportsEvent, Scheme};
use credledger::domain::ip_rules::IpRules;
use credledger::domain::key_format::{KeyFormat, RANDOM_BYTES, compose};
use credledger::domain::operator::Reach;
use credledger::domain::personal::Personal;
use credledger::domain::rate_limit::OwnRateLimit;
use credledger::domain::scope::{ConcreteScope, Scope};
use credledger::domain::secret::{Digest, PepperNumber};
use credledger::domain::stream::StreamState;
use credledger::domain::tenant::{self, Settings, TenantEvent};
use credledger::ledger::{Applier, Inline, InlineRow};
use credledger::projections::InlineProjections;
use credledger::projections::active::{ActiveView, Loader, StoredRow};
use credledger::vault::{MasterKeys, Vault, sha256};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TENANTS: u64 = 100;
const POLICIES: u64 = 20;
/// The argument of the process that measures memory: what another measurement gave back would hide what is taken.
const MEMORY: &str = "memory";
const AT_ONCE: u64 = 1000;
const ROUNDS: usize = 25;
/// Texts asked about in each round, of however many keys.
const AT_A_ROUND: usize = 40_000;
const NAMES: [&str; 4] =
    ["ci-7f3", "billing-export", "Gateway eu-west-1 (prod)", "Nightly reconciliation, ledger team"];

fn main() {
    let given = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let bench = Bench::new(given.unwrap_or(1_000_000));
    if std::env::args().any(|argument| argument == MEMORY) {
        let view = bench.grow();
        return bench.kill(&view);
    }
    println!("{} credentials, {TENANTS} tenants, {POLICIES} policies\n", bench.count);
    let named = |row: &str| std::env::args().any(|argument| argument == row);
    let all = !named("S4") && !named("S5");
    if all || named("S5") {
        bench.memory_of_its_own();
    }
    if all || named("S4") {
        let view = ActiveView::new().expect("room");
        bench.fill(&view);
        bench.verdicts(&view, "a verdict", |number| bench.text(1, number));
        drop(view);
        let view = ActiveView::new().expect("room");
        bench.move_in(&view);
        bench.verdicts(&view, "of imported keys", |number| bench.foreign_text(number));
    }
    if all {
        bench.load();
    }
}

struct Bench {
    count: u64,
    vault: Arc<Vault>,
    format: KeyFormat,
    at: Timestamp,
}

/// A number that looks random, and is the same in each run.
fn mixed(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn of_key(event: CredentialEvent) -> Event {
    Event::Credential(Kind::ApiKey, event)
}

fn id(kind: u64, number: u64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(1_800_000_000_000 + number, &{
        let mut random = [0; 10];
        random[..8].copy_from_slice(&mixed(kind << 40 | number).to_be_bytes());
        random
    })
    .into_uuid()
}

fn name_of(number: u64) -> &'static str {
    NAMES[(mixed(number) % NAMES.len() as u64) as usize]
}

impl Bench {
    fn new(count: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("credledger-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the key");
        let keys = MasterKeys::create(&folder.join("master.key")).expect("a master key");
        std::fs::remove_dir_all(&folder).expect("the folder goes again");
        let at = Timestamp::from_millis(1_800_000_000_000).expect("an instant");
        Bench { count, vault: Arc::new(Vault::new(&keys)), format: KeyFormat::default(), at }
    }

    fn text(&self, kind: u64, number: u64) -> String {
        let mut random = [0; RANDOM_BYTES];
        for (place, bytes) in random.chunks_mut(8).enumerate() {
            bytes.copy_from_slice(&mixed(kind << 60 | number << 8 | place as u64).to_le_bytes());
        }
        compose(&self.format, &random).expect("enough random bytes").secret.reveal().to_owned()
    }

    fn facts(&self, kind: u64, number: u64) -> SecretFacts {
        let text = self.text(kind, number);
        let digest = self.vault.digest(self.vault.newest(), text.as_bytes()).expect("the newest pepper");
        SecretFacts {
            id: SecretId(id(kind, number)),
            client_id: None,
            prefix: text[..self.format.prefix().len() + usize::from(self.format.public_chars())].to_owned(),
            pepper: PepperNumber(self.vault.newest()),
            digest: Digest::new(digest),
        }
    }

    fn recorded(&self, stream: Uuid, version: u32, tenant: u64, event: impl Into<Event>) -> Recorded {
        Recorded {
            stream: StreamId(stream),
            version,
            tenant: Some(TenantId(id(9, tenant))),
            at: self.at,
            actor: Actor::System,
            client_ip: None,
            request_id: String::new(),
            event: event.into(),
        }
    }

    fn tenant_created(&self, number: u64) -> Recorded {
        let settings = Settings::starting(self.format.clone());
        let (slug, name) = (format!("tenant-{number}"), Personal::Known("T".to_owned()));
        let created = TenantEvent::Created(tenant::Created { slug, name, plan: None, settings });
        self.recorded(id(9, number), 1, number, created)
    }

    fn created(&self, number: u64) -> Recorded {
        let tenant = mixed(number) % TENANTS;
        let scope = |text: String| Scope::parse(&text).expect("a scope");
        let created = CredentialEvent::Created(Created {
            tenant_id: TenantId(id(9, tenant)),
            name: Personal::Known(name_of(number).to_owned()),
            description: Personal::Known(String::new()),
            metadata: Personal::Known(serde_json::Map::new()),
            scopes: vec![scope("orders.read".into()), scope(format!("team-{}.*", mixed(number) % POLICIES))],
            expires_at: None,
            ip_rules: IpRules::default(),
            rate_limit: OwnRateLimit::Default,
            owner: None,
            registration: None,
            secret: self.facts(1, number),
        });
        self.recorded(id(1, number), 1, tenant, of_key(created))
    }

    /// Rotated without grace, and the old secret's end recorded.
    fn rotated(&self, number: u64) -> [Recorded; 2] {
        let (stream, tenant) = (id(1, number), mixed(number) % TENANTS);
        let old = SecretId(id(1, number));
        let ends = vec![SecretEnd { secret_id: old, ends_at: self.at, close_when_quiet_seconds: None }];
        let rotated = CredentialEvent::Rotated(Rotated { secret: self.facts(2, number), ends });
        let over = CredentialEvent::SecretExpired(SecretExpired {
            secret_id: old,
            ended_at: self.at,
            cause: EndCause::Time,
        });
        [self.recorded(stream, 2, tenant, of_key(rotated)), self.recorded(stream, 3, tenant, of_key(over))]
    }

    fn memory_of_its_own(&self) {
        let this = std::env::current_exe().expect("this program");
        let outcome = std::process::Command::new(this).args([MEMORY, &self.count.to_string()]).status();
        assert!(outcome.expect("it runs").success());
    }

    /// One by one, as events come.
    fn fill(&self, view: &ActiveView) -> Duration {
        self.apply(view, (0..TENANTS).map(|number| self.tenant_created(number)));
        self.apply(view, (0..self.count).map(|number| self.created(number)))
    }

    fn grow(&self) -> ActiveView {
        // What the bench itself takes for a batch of events is taken before, and does not count.
        drop((0..AT_ONCE * 4).map(|number| self.created(number)).collect::<Vec<_>>());
        let empty = resident();
        let view = ActiveView::new().expect("room");
        let idle = resident();
        let applying = self.fill(&view);
        let grown = resident().saturating_sub(empty);
        let names: u64 = (0..self.count).map(|number| name_of(number).len() as u64).sum();
        let (each, name) = (per(grown, self.count), per(names, self.count));
        println!("an empty view          {:>8.1} KiB", (idle.saturating_sub(empty)) as f64 / 1024.0);
        println!(
            "S5 a living secret     {each:>8.1} B resident, names of {name:.1} B: {:.1} of 128 B",
            each - name
        );
        println!("apply                  {:>8.2} us an event of creation", micros(applying, self.count));
        println!("                       {:?}\n", view.counts());
        view
    }

    fn kill(&self, view: &ActiveView) {
        let before = resident();
        let applying = self.apply(view, (0..self.count).flat_map(|number| self.rotated(number)));
        let each = per(resident().saturating_sub(before), self.count);
        println!("S5 a dead secret       {each:>8.1} B resident, of 64 B");
        println!("apply                  {:>8.2} us an event of rotation", micros(applying, self.count * 2));
        println!("                       {:?}\n", view.counts());
    }

    /// Only the applying is timed.
    fn apply(&self, view: &ActiveView, mut events: impl Iterator<Item = Recorded>) -> Duration {
        let mut taken = Duration::ZERO;
        loop {
            let batch: Vec<_> = events.by_ref().take(AT_ONCE as usize).collect();
            if batch.is_empty() {
                return taken;
            }
            let start = BootTime::now();
            for recorded in &batch {
                view.apply(view.applied(), recorded).expect("applied");
            }
            taken += BootTime::now().since(start);
        }
    }

    /// The same keys as another product would have made them.
    fn foreign_text(&self, number: u64) -> String {
        self.text(1, number).replacen(self.format.prefix(), "sk_", 1)
    }

    fn move_in(&self, view: &ActiveView) {
        let length = u8::try_from(self.foreign_text(0).len()).expect("a short text");
        let format = ForeignFormat::new("sk_", Alphabet::Base62, length..=length).expect("a format");
        let declared = ImportsEvent::Declared(Declared {
            tenant_id: TenantId(id(9, 0)),
            prefix: format.prefix().to_owned(),
            shape: format.shape(),
            scheme: Scheme::Sha256 {},
        });
        let declared = Recorded { tenant: None, ..self.recorded(imports::stream().0, 1, 0, declared) };
        self.apply(view, (0..TENANTS).map(|number| self.tenant_created(number)).chain([declared]));
        self.apply(view, (0..self.count).map(|number| self.imported(number)));
    }

    fn imported(&self, number: u64) -> Recorded {
        let Event::Credential(_, CredentialEvent::Created(created)) = self.created(number).event else {
            panic!("a creation")
        };
        let (text, pepper, scheme) =
            (self.foreign_text(number), self.vault.newest(), Scheme::Sha256 {}.label());
        let digest = self.vault.wrapped(pepper, &scheme, &sha256(&[text.as_bytes()])).expect("a pepper");
        let imported = CredentialEvent::Imported(Imported {
            tenant_id: created.tenant_id,
            source: "bench".to_owned(),
            old_id: Personal::Known(number.to_string()),
            content: Digest::new(digest),
            created_at: None,
            suspended: false,
            name: created.name,
            description: created.description,
            metadata: created.metadata,
            scopes: created.scopes,
            expires_at: None,
            ip_rules: created.ip_rules,
            rate_limit: created.rate_limit,
            owner: None,
            secret: Box::new(ImportedSecret {
                id: created.secret.id,
                prefix: text[..7].to_owned(),
                format: "sk_".to_owned(),
                scheme,
                salt: None,
                claim: Digest::new(digest),
                pepper: PepperNumber(pepper),
                digest: Digest::new(digest),
            }),
        });
        self.recorded(id(1, number), 1, mixed(number) % TENANTS, of_key(imported))
    }

    /// Text in, verdict out, against one HMAC of the same text and one random read of a table of the same size.
    fn verdicts(&self, view: &ActiveView, what: &str, text_of: impl Fn(u64) -> String) {
        let (length, draws) = (text_of(0).len(), AT_A_ROUND * ROUNDS);
        let texts: String = (0..draws as u64).map(|draw| text_of(mixed(draw + 7) % self.count)).collect();
        let text = |draw: usize| &texts[draw * length..][..length];
        let table: Vec<[u64; 16]> = (0..self.count).map(|number| [mixed(number); 16]).collect();
        let asked = [ConcreteScope::parse("orders.read").expect("a scope")];
        let reach = Reach::All;
        let request = Request {
            possession: Possession::Bare,
            client_ip: None,
            scopes: &asked,
            operation: None,
            tenant: None,
            audience: None,
            reach: &reach,
        };
        let mut figures = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            let draws = || (round * AT_A_ROUND..(round + 1) * AT_A_ROUND).map(text);
            let mut measure = |which: usize, work: &dyn Fn(&str) -> u64| {
                let start = on_cpu();
                let sum = draws().fold(0u64, |sum, text| sum.wrapping_add(work(text)));
                black_box(sum);
                figures[which].push((on_cpu() - start).as_secs_f64() * 1e9 / AT_A_ROUND as f64);
            };
            measure(0, &|text| {
                let judged = view.judge(&self.vault, text, &request, self.at).expect("answering");
                u64::from(judged.verdict.is_ok())
            });
            measure(1, &|text| {
                let digest = self.vault.digest(self.vault.newest(), text.as_bytes()).expect("a pepper");
                let place = u64::from_le_bytes(std::array::from_fn(|byte| digest[byte])) % self.count;
                table[place as usize][3]
            });
            measure(2, &|text| {
                u64::from(self.vault.digest(self.vault.newest(), text.as_bytes()).expect("a pepper")[0])
            });
            measure(3, &|text| u64::from(view.judge(&self.vault, &text[1..], &request, self.at).is_ok()));
        }
        let quiet = [0, 1].map(|which| quietest(&figures[which]));
        let [verdict, limit, hmac, malformed] = figures.map(median);
        println!("S4 {what:<20}{verdict:>8.0} ns");
        println!("   HMAC + random read  {limit:>8.0} ns, of which the HMAC {hmac:.0} ns");
        println!("   ratio               {:>8.2} of 1.50", verdict / limit);
        println!(
            "   the quietest tenth  {:>8.0} ns against {:.0} ns: {:.2}",
            quiet[0],
            quiet[1],
            quiet[0] / quiet[1]
        );
        println!("   a malformed text    {malformed:>8.0} ns\n");
    }

    fn load(&self) {
        let rows: Vec<(InlineRow, Vec<u8>)> = (0..TENANTS)
            .map(|number| self.tenant_created(number))
            .chain((0..self.count).map(|number| self.created(number)))
            .flat_map(|recorded| {
                let state = StreamState::Empty.folded(recorded).expect("a first event folds");
                InlineProjections.rows(&state, 0)
            })
            .map(|row| (row.clone(), row.mac(&self.vault)))
            .collect();
        let view = ActiveView::new().expect("room");
        let mut loader = Loader::new(&view).expect("an empty view");
        let mut taken = Vec::new();
        for projection in ["tenants", "credentials", "secrets"] {
            let start = BootTime::now();
            for (row, mac) in rows.iter().filter(|(row, _)| row.projection == projection) {
                loader.row(&self.vault, &stored(row, mac)).expect("a sound row");
            }
            taken.push(BootTime::now().since(start));
        }
        loader.finish(TENANTS + self.count, self.at).expect("complete");
        let start = BootTime::now();
        let sound = rows.iter().filter(|(row, mac)| stored(row, mac).check(&self.vault).is_ok()).count();
        let checking = BootTime::now().since(start);
        assert_eq!(sound, rows.len());
        println!("load, credentials rows {:>8.2} us a row", micros(taken[1], self.count));
        println!("load, secrets rows     {:>8.2} us a row", micros(taken[2], self.count));
        println!("  of both, mac checks  {:>8.2} us a row", micros(checking, rows.len() as u64));
    }
}

fn stored<'a>(row: &'a InlineRow, mac: &'a [u8]) -> StoredRow<'a> {
    StoredRow {
        projection: row.projection,
        id: row.id,
        tenant: row.tenant,
        version: row.version,
        record: &row.record,
        mac,
        name: row.name.as_deref(),
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What a tenth of the rounds stayed below: on a shared machine the others measure the neighbours too.
fn quietest(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 10]
}

fn per(bytes: u64, count: u64) -> f64 {
    bytes as f64 / count as f64
}

fn micros(taken: Duration, count: u64) -> f64 {
    taken.as_secs_f64() * 1e6 / count as f64
}

/// How long this thread was at work: what others take from a shared machine in between does not count. The kernel's texts
/// about it are as old as its last tick, several milliseconds; its clock is exact.
fn on_cpu() -> Duration {
    let mut reading = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `reading` is a valid timespec that outlives the call; Linux has this clock.
    #[allow(unsafe_code)] // the standard library has no clock of a thread's own time
    let outcome = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut reading) };
    assert_eq!(outcome, 0, "Linux");
    Duration::new(reading.tv_sec.unsigned_abs(), u32::try_from(reading.tv_nsec).expect("below a second"))
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
