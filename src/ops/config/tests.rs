use super::*;
use crate::domain::ip_rules::Cidr;
use crate::domain::key_format::{Checksum, KeyFormat};

fn environment(pairs: &[(&str, &str)]) -> Surroundings {
    let environment = pairs.iter().map(|(key, text)| (key.into(), text.into())).collect();
    Surroundings { root: false, environment }
}

fn read(flags: &[(&'static str, &str)], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let flags: Vec<_> = flags.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    let mut variables = variables.to_vec();
    variables.push(("HOME", "/home/someone"));
    Config::assemble(&flags, &environment(&variables))
}

fn refusal(flags: &[(&'static str, &str)], variables: &[(&str, &str)]) -> String {
    read(flags, variables).expect_err("the configuration was accepted").to_string()
}

/// A configuration file that is gone when the test ends.
struct File(PathBuf);

impl File {
    fn with(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("credledger-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, text).expect("the temporary directory can be written");
        File(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the temporary directory is text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn without_settings_everything_has_its_default() {
    let config = read(&[], &[]).expect("the defaults are sound");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data_dir, Path::new("/home/someone/.local/share/credledger"));
    assert_eq!(config.master_key_file, Path::new("/home/someone/.local/share/credledger/master.key"));
    let proxies: Vec<_> = config.trusted_proxies.iter().map(Cidr::to_string).collect();
    assert_eq!(proxies, ["127.0.0.0/8", "::1/128"]);
    assert!(config.database_url.is_none() && config.workers >= 1);
    assert_eq!(config.operator_rate_limit, RateLimit::new(6000, 60).ok());
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = File::with("precedence", "listen = '127.0.0.1:1'\nlog = 'debug'\nworkers = 3\n");
    let variables = [
        ("CREDLEDGER_CONFIG", file.path()),
        ("CREDLEDGER_LISTEN", "127.0.0.1:2"),
        ("CREDLEDGER_LOG", "warn"),
    ];
    let config = read(&[("listen", "127.0.0.1:3")], &variables).expect("all is sound");
    assert_eq!((config.listen.port(), config.log.as_str(), config.workers), (3, "warn", 3));
}

#[test]
fn a_list_in_the_file_is_what_commas_are_elsewhere() {
    let file = File::with("list", "trusted_proxies = ['10.0.0.0/8', '192.0.2.7']\n");
    let config = read(&[("config", file.path())], &[]).expect("all is sound");
    assert_eq!(config.trusted_proxies.len(), 2);
    let config = read(&[("trusted-proxies", "")], &[]).expect("nobody is trusted");
    assert_eq!(config.trusted_proxies, []);
}

#[test]
fn a_limit_on_operators_is_requests_and_seconds_or_none() {
    let limit = |text| read(&[("operator-rate-limit", text)], &[]).expect("all is sound").operator_rate_limit;
    assert_eq!(limit("5/60"), RateLimit::new(5, 60).ok());
    assert_eq!(limit("1000000 / 86400"), RateLimit::new(1_000_000, 86_400).ok());
    assert_eq!(limit("none"), None);
}

#[test]
fn an_unknown_name_stops_the_start_and_is_named() {
    let file = File::with("unknown", "lisen = '127.0.0.1:1'\n");
    let nested = File::with("nested", "config = '/etc/other.toml'\n");
    let cases = [
        (refusal(&[("config", file.path())], &[]), "lisen in "),
        (refusal(&[("config", nested.path())], &[]), "config in "),
        (refusal(&[], &[("CREDLEDGER_LISEN", "x")]), "CREDLEDGER_LISEN is not a setting"),
        (refusal(&[], &[("CREDLEDGER_listen", "x")]), "CREDLEDGER_listen is not a setting"),
    ];
    for (sentence, named) in cases {
        assert!(sentence.starts_with(named), "{sentence}");
    }
}

#[test]
fn variables_of_the_test_suite_and_empty_ones_are_passed_over() {
    let variables = [("CREDLEDGER_TEST_POSTGRES", "x"), ("CREDLEDGER_LISTEN", ""), ("LISTEN", "x")];
    assert_eq!(read(&[], &variables).expect("nothing was set").listen.port(), 8080);
}

#[test]
fn database_url_is_read_too_and_gives_way_to_ours() {
    let theirs = ("DATABASE_URL", "postgres://theirs/x");
    let ours = ("CREDLEDGER_DATABASE_URL", "postgres://ours/x");
    let url = |variables: &[(&str, &str)]| {
        let config = read(&[], variables).expect("all is sound");
        config.database_url.map(|url| url.expose().to_owned())
    };
    assert_eq!(url(&[theirs]).as_deref(), Some("postgres://theirs/x"));
    assert_eq!(url(&[theirs, ours]).as_deref(), Some("postgres://ours/x"));
    assert_eq!(url(&[ours, theirs]).as_deref(), Some("postgres://ours/x"));
}

#[test]
fn a_bad_value_is_refused_with_the_place_it_stands_in() {
    let file = File::with("value", "workers = 1.5\n");
    let cases = [
        (refusal(&[("listen", "8080")], &[]), "--listen must be an IP address and a port"),
        (refusal(&[], &[("CREDLEDGER_WORKERS", "0")]), "CREDLEDGER_WORKERS must be a number from 1"),
        (refusal(&[("config", file.path())], &[]), "workers in "),
        (
            refusal(&[("config", "/nowhere/at/all")], &[]),
            "The configuration file /nowhere/at/all cannot be read",
        ),
        (refusal(&[("trusted-proxies", "10.0.0.1/8")], &[]), "--trusted-proxies lists \"10.0.0.1/8\""),
        (
            refusal(&[("operator-rate-limit", "6000")], &[]),
            "--operator-rate-limit must be requests and seconds, such as 6000/60, or none, not \"6000\"",
        ),
        (refusal(&[("operator-rate-limit", "-1/60")], &[]), "--operator-rate-limit must be requests and"),
        (
            refusal(&[], &[("CREDLEDGER_OPERATOR_RATE_LIMIT", "0/60")]),
            "CREDLEDGER_OPERATOR_RATE_LIMIT has requests out of bounds: expected a number from 1 to 1000000",
        ),
        (
            refusal(&[("operator-rate-limit", "1/86401")], &[]),
            "--operator-rate-limit has per_seconds out of bounds: expected a number from 1 to 86400",
        ),
        (refusal(&[("log-format", "xml")], &[]), "--log-format must be auto, text or json"),
        (refusal(&[("log", "info=nonsense=1")], &[]), "--log is no log filter"),
        (refusal(&[("public-url", "keys.example.com")], &[]), "--public-url must be a URL"),
        (refusal(&[("public-url", "https://a@b")], &[]), "--public-url must be a URL"),
        (refusal(&[("database-url", "keys.example.com")], &[]), "--database-url must be a URL"),
        (
            refusal(&[("database-admin-url", "postgres://x")], &[]),
            "database_admin_url is set and database_url is not",
        ),
    ];
    for (sentence, beginning) in cases {
        assert!(sentence.starts_with(beginning), "{sentence}");
    }
}

#[test]
fn no_sentence_and_no_debug_output_holds_a_password() {
    let file = File::with("password", "database_url = \"postgres://a:hunter2@b/c\nlog = 'info'\n");
    assert!(!refusal(&[("config", file.path())], &[]).contains("hunter2"));
    assert!(!refusal(&[("database-url", "mysql://a:hunter2@b")], &[]).contains("hunter2"));
    let config = read(&[("database-url", "postgres://a:hunter2@b/c")], &[]).expect("all is sound");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_public_url_is_the_bound_address_unless_it_is_set() {
    let bound = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let config = read(&[], &[]).expect("the defaults are sound");
    assert_eq!(config.public_url(bound("127.0.0.1:4711")), "http://127.0.0.1:4711");
    assert_eq!(config.public_url(bound("[::]:4711")), "http://[::1]:4711");
    let config = read(&[("public-url", "https://keys.example.com/")], &[]).expect("all is sound");
    assert_eq!(config.public_url(bound("127.0.0.1:4711")), "https://keys.example.com");
}

#[test]
fn root_keeps_its_data_under_var_lib() {
    let around = Surroundings { root: true, environment: Vec::new() };
    let config = Config::assemble(&[], &around).expect("the defaults are sound");
    assert_eq!(config.data_dir, Path::new("/var/lib/credledger"));
}

#[test]
fn the_installations_key_format_is_read_and_what_is_none_is_told_in_a_sentence() {
    let format =
        |text: &str| read(&[("default-key-format", text)], &[]).map(|config| config.default_key_format);
    let own = KeyFormat::new("acme_live_", 10, 40, Checksum::None).expect("a format");
    assert_eq!(format("acme_live_,10,40,none"), Ok(own.clone()));
    assert_eq!(format(" acme_live_ , 10 , 40 , none "), Ok(own));
    assert_eq!(read(&[], &[]).map(|config| config.default_key_format), format(DEFAULT_KEY_FORMAT));
    assert_eq!(format(DEFAULT_KEY_FORMAT), Ok(KeyFormat::default()));
    for (text, told) in [
        ("", "--default-key-format must be a prefix, "),
        ("acme_live_", "--default-key-format must be a prefix, "),
        ("acme_live_,10,40", "--default-key-format must be a prefix, "),
        ("acme_live_,10,40,none,none", "--default-key-format must be a prefix, "),
        ("acme_live_,10,40,md5", "--default-key-format must be a prefix, "),
        ("acme_live_,-1,40,none", "--default-key-format must be a prefix, "),
        ("acme,10,40,none", "--default-key-format is refused: prefix is to be "),
        (
            "cl_operator_,10,40,none",
            "--default-key-format is refused: prefix cl_operator_ is that of operator tokens",
        ),
        ("acme_live_,5,40,none", "--default-key-format is refused: public_chars is to be 6 to 12."),
        ("acme_live_,10,21,none", "--default-key-format is refused: secret_chars is to be 22 to 64."),
        (
            "cl_client_,8,30,crc32",
            "--default-key-format is refused, for clients are written with it too: cl_client_ is the prefix",
        ),
        (
            "cl_secret_,8,30,crc32",
            "--default-key-format is refused, for clients are written with it too: cl_secret_ is the prefix",
        ),
    ] {
        let refusal = format(text).expect_err("no format").to_string();
        assert!(refusal.starts_with(told), "{text}: {refusal}");
    }
}

#[test]
fn a_proxys_range_with_host_bits_is_told_as_such() {
    let refusal = refusal(&[("trusted-proxies", "10.0.0.1/8")], &[]);
    let told = "--trusted-proxies lists \"10.0.0.1/8\", which has host bits set; write `10.0.0.0/8` for the range or `10.0.0.1` for the one address.";
    assert_eq!(refusal, told);
}
