use credledger::http::bearer::bearer;

use super::SEPARATOR;
use crate::engine::Target;

#[test]
fn an_authorization_header_gives_its_token_or_a_reason() {
    Target {
        name: "authorization",
        corpus: &[b"Bearer cl_live_x", b"bearer a\nBearer b", b"Basic YTpi", b"Bearer ", b""],
        dictionary: &[b"Bearer", b"bEARER ", b" ", b"\t", b"\n", b"\0", b"\xff", b",", b"Basic ", b"=="],
        check: check_authorization,
    }
    .run();
}

fn check_authorization(input: &[u8]) -> bool {
    let values: Vec<&[u8]> = input.split(|&byte| byte == SEPARATOR).collect();
    let outcome = bearer(values.iter().copied());
    if let Ok(token) = outcome {
        let token = token.expect("there was a header");
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(values.len(), 1);
        let (scheme, rest) = values[0].split_at("bearer".len());
        assert!(scheme.eq_ignore_ascii_case(b"bearer"));
        assert_eq!(rest, format!(" {token}").as_bytes());
        assert_eq!(bearer([format!("Bearer {token}").as_bytes()].into_iter()), Ok(Some(token)));
    }
    assert!(bearer(values.iter().copied().chain([&b"Bearer x"[..]])).is_err());
    outcome.is_ok()
}
