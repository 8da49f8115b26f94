//! POST /api/v1/leaks/github: what GitHub's secret scanning sends to whoever made the secrets. It is signed over the bytes that
//! came, so nothing is parsed before that holds; then it may be told which of them are ours, by their hashes.

use std::fmt::Write;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::{Report, Source, finder, tells_a_secret};
use crate::domain::base64url;
use crate::domain::credential::{Finding, Reporter};
use crate::http::app::App;
use crate::http::body::{JsonBody, Wants};
use crate::http::json::Json;
use crate::http::problem::{Code, Problem};
use crate::http::request::RequestContext;
use crate::limits;
use crate::scanners::Unproven;
use crate::vault::sha256;

const KEY_IDENTIFIER: &str = "github-public-key-identifier";
const SIGNATURE: &str = "github-public-key-signature";
/// Where it was found, when the scanner's word can't be kept.
const UNKNOWN: &str = "unknown";

pub async fn handle(
    app: Data<App>,
    request: HttpRequest,
    context: RequestContext,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let client_ip = app.client_ip(&request);
    app.may_send_findings(client_ip)?;
    let _place = app.place_for_report()?;
    let body = JsonBody::read(&request, payload, Wants::Json).await?;
    prove(&app, &request, body.bytes()).await?;
    let document = body.parse()?;
    let Json::List(items) = document.json() else {
        return Err(Problem::invalid("expected an array of findings"));
    };
    if items.len() > limits::SCANNER_ITEMS {
        let detail = format!("there are more than {} findings; send them in parts", limits::SCANNER_ITEMS);
        return Err(Problem::new(Code::TooLarge, detail));
    }
    let request_id = context.request_id.as_str();
    let taken = stream::iter(items.iter().filter_map(Item::read)).map(async |item: Item<'_>| {
        let finding = item.finding(&app);
        let report = Report { token: item.token, finding, request_id, client_ip };
        report.take(&app).await.map(|ours| item.label(ours))
    });
    let taken: Vec<_> = taken.buffered(limits::SCANNER_ITEMS_AT_ONCE).collect().await;
    // What could be done is done; for the rest it is to come again, which harms nothing.
    let labels: Vec<Value> = taken.into_iter().collect::<Result<_, _>>()?;
    Ok(HttpResponse::Ok().json(labels))
}

/// Before anything of the message is looked at.
async fn prove(app: &App, request: &HttpRequest, body: &[u8]) -> Result<(), Problem> {
    let Some(scanner) = &app.github else {
        return Err(Problem::forbidden(
            "this installation takes no messages of GitHub's secret scanning; its operator sets \
             github_secret_scanning_keys_url or github_secret_scanning_keys_file",
        ));
    };
    let header = |name| {
        let mut values = request.headers().get_all(name);
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
    };
    let (Some(key), Some(signature)) = (header(KEY_IDENTIFIER), header(SIGNATURE).and_then(base64)) else {
        return Err(Problem::forbidden(
            "the message is not signed: send Github-Public-Key-Identifier, and Github-Public-Key-Signature in base64",
        ));
    };
    scanner.prove(key, body, &signature).await.map_err(|unproven| match unproven {
        Unproven::UnknownKey => {
            Problem::forbidden("the message is signed by a key that GitHub does not publish for this")
        }
        Unproven::Signature => {
            Problem::forbidden("the signature does not hold over this body, byte for byte")
        }
        Unproven::KeysAway(why) => Problem::unavailable(
            limits::RETRY_AFTER_SECONDS,
            "the scanner's keys can't be had just now; send the message again",
        )
        .with_cause(why),
    })
}

/// With padding, in the alphabet of RFC 4648, 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    let padded = text.len().is_multiple_of(4) && text.len() - bare.len() <= 2;
    let plain = !bare.contains(['-', '_']);
    (padded && plain).then(|| base64url::decode(&bare.replace('+', "-").replace('/', "_")))?
}

/// One finding. What is no such thing is passed over: there is nothing to say of it.
struct Item<'a> {
    token: &'a str,
    kind: &'a str,
    url: &'a str,
    source: &'a str,
}

impl<'a> Item<'a> {
    fn read(json: &'a Json<'a>) -> Option<Self> {
        let Json::Object(members) = json else { return None };
        let text = |name: &str| {
            members.iter().find(|(member, _)| *member == name).and_then(|(_, value)| match value {
                Json::Text(text) => Some(&**text),
                _ => None,
            })
        };
        let or_none = |name| text(name).unwrap_or_default();
        Some(Item {
            token: text("token")?,
            kind: or_none("type"),
            url: or_none("url"),
            source: or_none("source"),
        })
    }

    /// Whatever it says of where, the leak is reported: what can't be kept is left out.
    fn finding(&self, app: &App) -> Finding {
        let free = |text: &&str| !tells_a_secret(app, text, self.token);
        let source = Some(self.source).filter(free).and_then(|text| Source::parse(text).ok());
        let url = Some(self.url).filter(free).and_then(|text| finder::url(text).ok());
        Finding {
            source: source.map_or_else(|| UNKNOWN.to_owned(), |source| source.as_str().to_owned()),
            url: url.map(|url| url.as_str().to_owned()),
            reporter: Reporter::Scanner,
        }
    }

    fn label(&self, ours: bool) -> Value {
        let label = if ours { "true_positive" } else { "false_positive" };
        json!({"token_hash": hex(&sha256(&[self.token.as_bytes()])), "token_type": self.kind, "label": label})
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_padded_base64_is_read() {
        assert_eq!(base64("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(base64("AAAA"), Some(vec![0; 3]));
        assert_eq!(base64(""), Some(Vec::new()));
        for bad in ["-_8=", "+/8", "+/9=", "A===", "=AAA", "AA A", "é==="] {
            assert_eq!(base64(bad), None, "{bad}");
        }
        assert_eq!(hex(&[0, 0xab]), "00ab");
    }
}
