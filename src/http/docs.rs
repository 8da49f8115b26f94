//! /docs/problems: the page that every problem's `type` leads to.

use std::fmt::Write as _;

use actix_web::{HttpRequest, HttpResponse};

use super::problem::{Code, Problem};
use super::query;

/// For a page that holds all it needs: it loads nothing, runs nothing, and stands in nobody's frame.
pub const STATIC_PAGE: (&str, &str) =
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

/// One heading a code, under the anchor that a `type` names.
pub async fn problems(request: HttpRequest) -> Result<HttpResponse, Problem> {
    query::none(request.query_string())?;
    Ok(HttpResponse::Ok().insert_header(STATIC_PAGE).content_type("text/html; charset=utf-8").body(page()))
}

fn page() -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Problems</title>\n\
         <style>body{font:16px/1.5 sans-serif;max-width:44em;margin:2em auto;padding:0 1em}code{font-size:1.05em}</style>\n\
         <h1>Problems</h1>\n<p>Every error is an RFC 9457 problem. Its <code>code</code> is stable; its <code>detail</code> says \
         what to do next; <code>errors</code> point at the members that were wrong.\n",
    );
    for code in Code::ALL {
        let (text, title, status) = (code.text(), code.title(), code.status().as_u16());
        // Writing to a String does not fail.
        let _ = writeln!(page, "<h2 id=\"{text}\"><code>{text}</code></h2>\n<p>{title}. Status {status}.");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_leads_to_its_heading() {
        let page = page();
        for code in Code::ALL {
            let anchor = code.kind().split_once('#').map(|(_, anchor)| format!("id=\"{anchor}\""));
            assert!(anchor.is_some_and(|anchor| page.contains(&anchor)), "{code:?}");
        }
    }
}
