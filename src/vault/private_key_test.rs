//! Against keys that OpenSSL made, as operators bring them.

use super::*;
use crate::vault::MasterKeys;

fn vault() -> Vault {
    Vault::new(&MasterKeys::for_tests(&[1]))
}

const MADE: [SigningAlgorithm; 2] = [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];

#[test]
fn what_a_made_key_signs_holds_under_its_public_half_alone() {
    let vault = vault();
    for algorithm in MADE {
        let [one, other] = [(); 2].map(|()| vault.make_private_key(algorithm).expect("made here"));
        assert_eq!(one.key.algorithm(), algorithm);
        let signature = vault.sign(&one.key, b"text").expect("signed");
        assert!(one.key.public().has_signed(algorithm, b"text", &signature));
        assert!(!one.key.public().has_signed(algorithm, b"Text", &signature));
        assert!(!other.key.public().has_signed(algorithm, b"text", &signature));
    }
    for algorithm in [SigningAlgorithm::Rs256, SigningAlgorithm::Ps256, SigningAlgorithm::Es384] {
        assert!(vault.make_private_key(algorithm).is_none());
    }
}

#[test]
fn a_private_half_comes_back_from_its_seal_for_its_own_id_alone() {
    let vault = vault();
    for algorithm in MADE {
        let made = vault.make_private_key(algorithm).expect("made here");
        let sealed = vault.seal_private_key("a", &made);
        let opened = vault.open_private_key("a", &sealed).expect("it opens");
        assert_eq!(opened.public(), made.key.public());
        assert!(vault.open_private_key("b", &sealed).is_err());
        assert!(!sealed.windows(32).any(|window| made.pkcs8.windows(32).any(|plain| plain == window)));
        // an answer's seal is not a key's, whoever moves it
        assert!(vault.open_private_key("a", &vault.seal(b"a", &made.pkcs8)).is_err());
    }
}

#[test]
fn a_private_key_never_prints() {
    let made = vault().make_private_key(SigningAlgorithm::Es256).expect("made here");
    assert_eq!(format!("{made:?} {:?}", made.key), "NewPrivateKey PrivateKey");
}

#[test]
fn keys_of_the_three_kinds_are_taken_from_pem_and_no_other() {
    let vault = vault();
    for (name, expected) in [
        ("rsa2048", Ok(SigningAlgorithm::Rs256)),
        ("p256", Ok(SigningAlgorithm::Es256)),
        ("ed25519", Ok(SigningAlgorithm::EdDsa)),
        ("rsa1024", Err(BadPrivateKey::Kind)),
        ("p384", Err(BadPrivateKey::Kind)),
        ("x25519", Err(BadPrivateKey::Kind)),
        ("sec1", Err(BadPrivateKey::Form)),
        ("public", Err(BadPrivateKey::Form)),
    ] {
        let taken = vault.take_private_key(pem(name)).map(|new| new.key.algorithm());
        assert_eq!(taken, expected, "{name}");
    }
}

#[test]
fn text_that_is_not_one_key_is_refused() {
    let vault = vault();
    let good = pem("p256");
    vault.take_private_key(&format!("\n {good} \n")).expect("blanks around it");
    for text in [
        String::new(),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        format!("{good}{good}"),
        format!("{good}{}", pem("public")),
        format!("note\n{good}"),
        good.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        good.replacen('M', "!", 1),
        good[..good.len() / 2].to_owned(),
    ] {
        assert!(vault.take_private_key(&text).is_err(), "{text}");
    }
}

fn pem(name: &str) -> &'static str {
    let whole = include_str!("private_key_test.pem");
    let start = whole.find(&format!("# {name}\n")).expect("a key of that name") + name.len() + 3;
    let rest = &whole[start..];
    rest.find("\n# ").map_or(rest, |end| &rest[..end])
}
