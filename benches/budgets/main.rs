//! The budgets of the service, each held against a limit measured in the same run: `scripts/bench [row…]`.
#![allow(clippy::disallowed_macros)] // what a bench measures is its output

mod bare;
mod beside;
mod calls;
mod commands;
mod fill;
mod generate;
mod housekeeping;
mod importing;
mod load;
mod loading;
mod pages;
mod replaying;
mod tokens;
mod verdicts;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use world::World;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One line of the table.
pub struct Line {
    pub row: &'static str,
    pub what: String,
    pub figure: String,
    pub limit: String,
    pub ratio: f64,
    pub budget: &'static str,
    pub met: bool,
}

pub struct Run {
    pub database: String,
    pub folder: PathBuf,
    pub keys: u64,
    /// how many of them are minted before anything is measured
    pub minted: u64,
    /// what S15 reads in
    pub filled: fill::Wanted,
}

/// How scripts/bench tells what it set up. The service that the bench starts knows none of them.
pub const VARIABLES: [&str; 5] = [
    "CREDLEDGER_BENCH_DATABASE",
    "CREDLEDGER_BENCH_FOLDER",
    "CREDLEDGER_BENCH_KEYS",
    "CREDLEDGER_BENCH_EVENTS",
    "CREDLEDGER_BENCH_CALLS",
];

const ROWS: [&str; 18] = [
    "S7", "S8", "S22", "S6", "S9", "S10", "S21", "S1", "S2", "S3", "S12", "S13", "S14", "S19", "S15", "S20",
    "import", "all",
];
/// Where nothing is asked for that goes by how many keys there are.
const FEW_KEYS: u64 = 20_000;
const OF_FEW_KEYS: [&str; 5] = ["S12", "S13", "S14", "S15", "import"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [word, answer] = arguments.as_slice()
        && word == "bare-http"
    {
        return serve_bare(answer);
    }
    match arguments.first().map(String::as_str) {
        Some("generate") => return generate_or_say_why(&arguments[1..]),
        Some("beside") => {
            return beside::run(&arguments[1..], &variable(VARIABLES[0]).expect("a database"), &folder());
        }
        _ => {}
    }
    let named: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| ROWS.contains(word)).collect();
    let wants = |row: &str| named.is_empty() || named.contains(&"all") || named.contains(&row);
    let keys = number(VARIABLES[2], 1_000_000);
    let run = Run {
        database: variable(VARIABLES[0]).expect("scripts/bench sets up the run"),
        folder: folder(),
        keys,
        minted: keys,
        filled: fill::Wanted {
            events: number(VARIABLES[3], keys),
            calls: number(VARIABLES[4], keys.saturating_mul(5)),
            tenants: 100,
            days: 88,
        },
    };
    let run = match !named.is_empty() && named.iter().all(|row| OF_FEW_KEYS.contains(row)) {
        true => Run { minted: run.keys.min(FEW_KEYS), ..run },
        false => run,
    };
    let mut lines = Vec::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let keys = runtime.block_on(in_process(&run, &wants, &mut lines));
    if ["S1", "S2", "S3", "S8", "S12", "S13"].into_iter().any(wants) {
        verdicts::over_http(&run, &keys, &wants, &mut lines);
    }
    if wants("S14") {
        calls::over_http(&run, &keys, &mut lines);
    }
    if wants("S19") {
        beside::over_http(&run, &keys, &mut lines);
    }
    if wants("S15") {
        runtime.block_on(fill_up(&run));
        pages::over_http(&run, &keys, &mut lines);
    }
    if wants("import") {
        importing::over_http(&run, &keys, &mut lines);
    }
    // The last: what it leaves to be recorded would go on beside whatever follows.
    if wants("S20") {
        runtime.block_on(mass_expiry(&run, &mut lines));
    }
    print_table(&lines);
}

async fn fill_up(run: &Run) {
    let world = Arc::new(World::open(&run.database, &run.folder.join("master.key")).await);
    pages::fill(&world, &run.filled).await;
    close(world).await;
}

async fn mass_expiry(run: &Run, lines: &mut Vec<Line>) {
    let world = Arc::new(World::open(&run.database, &run.folder.join("master.key")).await);
    housekeeping::mass_expiry(&world, run.keys, lines).await;
    close(world).await;
}

async fn close(world: Arc<World>) {
    match Arc::into_inner(world) {
        Some(world) => world.house.close().await.expect("an orderly end"),
        None => eprintln!("a caller is still there"),
    }
}

/// The rows that need no HTTP. Gives back what was minted, for those that do.
async fn in_process(run: &Run, wants: &impl Fn(&str) -> bool, lines: &mut Vec<Line>) -> verdicts::Keys {
    let world = Arc::new(World::open(&run.database, &run.folder.join("master.key")).await);
    bare::make_tables(&world.admin().await).await;
    let made = commands::mints(&world, run.minted, lines).await;
    if wants("S8") {
        commands::lone_mint(&world, lines).await;
    }
    if wants("S22") {
        commands::disk(&world, lines).await;
    }
    let revoked = commands::revoke_some(&world, &made).await;
    if wants("S6") {
        loading::load(&world, lines).await;
    }
    if wants("S9") {
        replaying::replay(&world, lines).await;
    }
    if wants("S21") {
        replaying::suspend(&world, run.minted, lines).await;
    }
    let gateway = verdicts::gateway_token(&world).await;
    if wants("S10") {
        // The last of these: what holds the ledger meanwhile lets its lease lapse.
        replaying::rebuild(&world, lines).await;
    }
    close(world).await;
    let living = made.into_iter().skip(revoked.len()).map(|(_, secret)| secret).collect();
    verdicts::Keys { living, revoked, gateway }
}

fn generate_or_say_why(words: &[String]) {
    if let Err(why) = generate::run(words) {
        eprintln!("error: {why}");
        std::process::exit(1);
    }
}

fn folder() -> PathBuf {
    variable(VARIABLES[1]).expect("scripts/bench sets up the run").into()
}

fn number(name: &str, otherwise: u64) -> u64 {
    variable(name).and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

fn serve_bare(answer: &str) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    bare::serve(listener, bare::Answer::like(answer)).expect("a server");
}

// The bench is its own program; the service reads its environment in one place.
#[allow(clippy::disallowed_methods)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn print_table(lines: &[Line]) {
    println!(
        "\n| row | what | figure | limit | ratio | budget | |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for line in lines {
        let Line { row, what, figure, limit, ratio, budget, met } = line;
        let verdict = if *met { "met" } else { "MISSED" };
        println!("| {row} | {what} | {figure} | {limit} | {ratio:.2} | {budget} | {verdict} |");
    }
}
