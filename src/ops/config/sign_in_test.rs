use super::*;

fn read(settings: &[(&'static str, &str)]) -> Result<Option<Settings>, String> {
    let flags: Vec<(&'static str, String)> =
        settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let mut values = Values::collect(&flags, &[]).map_err(|error| error.to_string())?;
    let read = SignIn::read(&mut values).map_err(|error| error.to_string())?;
    let whole = read.map(|sign_in| sign_in.at("https://keys.example.com/ledger")).transpose();
    whole.map_err(|error| error.to_string())
}

const LEAST: [(&str, &str); 2] = [("oidc-issuer", "https://id.example.com"), ("oidc-client-id", "console")];

fn with(name: &'static str, value: &str) -> Result<Settings, String> {
    let [issuer, client] = LEAST;
    read(&[issuer, client, (name, value)]).map(|settings| settings.expect("an issuer"))
}

#[test]
fn an_issuer_and_a_client_id_are_enough_and_nothing_is_nobody() {
    assert!(read(&[]).expect("accepted").is_none());
    let settings = read(&LEAST).expect("accepted").expect("an issuer");
    assert_eq!(settings.discovery.as_str(), "https://id.example.com/.well-known/openid-configuration");
    assert_eq!(settings.redirect_uri, "https://keys.example.com/ledger/console/callback");
    assert_eq!(settings.origin, "https://keys.example.com");
    assert_eq!((settings.idle.as_secs(), settings.life.as_secs()), (1800, 43200));
    assert!(settings.client_secret.is_none() && settings.acr.is_empty());
}

#[test]
fn what_is_of_no_use_alone_is_said() {
    for name in REST {
        let told = read(&[(name, "1")]).expect_err("refused");
        assert!(told.contains("oidc_issuer"), "{name}: {told}");
    }
    assert!(read(&[LEAST[0]]).expect_err("refused").contains("oidc_client_id"));
}

#[test]
fn people_sign_in_over_https_or_on_this_machine() {
    let at = |public_url| {
        let flags: Vec<_> = LEAST.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut values = Values::collect(&flags, &[]).expect("sound");
        let sign_in = SignIn::read(&mut values).expect("sound").expect("an issuer");
        sign_in.at(public_url).is_ok()
    };
    assert!(at("https://keys.example.com") && at("http://127.0.0.1:8080") && at("http://localhost:8080"));
    assert!(!at("http://keys.example.com") && !at("http://10.0.0.7:8080"));
}

#[test]
fn each_setting_is_read_or_refused_with_its_name() {
    let settings = with("oidc-amr", "mfa, pwd+otp").expect("accepted");
    assert_eq!(settings.amr, [vec!["mfa".to_owned()], vec!["pwd".to_owned(), "otp".to_owned()]]);
    assert_eq!(with("oidc-scopes", "openid,groups").expect("accepted").scopes, "openid groups");
    with("oidc-roles", "groups=a=root,groups=b=auditor@x+y").expect("accepted");
    with("oidc-hosts", "oauth2.example.com").expect("accepted");
    for (name, value) in [
        ("oidc-issuer", "id.example.com"),
        ("oidc-issuer", "http://id.example.com"),
        ("oidc-issuer", "https://id.example.com?x=y"),
        ("oidc-client-secret-file", "/nowhere/at/all"),
        ("oidc-client-auth", "jwt"),
        ("oidc-client-auth", "basic"),
        ("oidc-scopes", "email"),
        ("oidc-roles", "groups=a=king"),
        ("oidc-amr", "pwd+"),
        ("oidc-max-age-seconds", "0"),
        ("oidc-hosts", "https://x.example.com"),
        ("session-seconds", "9999999"),
        ("session-idle-seconds", "soon"),
        ("invitation-seconds", "-1"),
    ] {
        let told = match with(name, value) {
            Err(told) => told,
            Ok(_) => panic!("{name} takes {value}"),
        };
        assert!(told.contains(name) || told.contains(&name.replace('-', "_")), "{told}");
    }
}
