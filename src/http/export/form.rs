//! In which form an answer is wanted: by `Accept`, or by `?format=` for people, whose browsers accept anything.

use actix_web::http::header::HeaderMap;

use crate::http::conneg::{self, JSON};
use crate::http::problem::Problem;
use crate::http::query::Parameters;

pub const NDJSON: &str = "application/x-ndjson";
pub const CSV: &str = "text/csv";
pub const EVENT_STREAM: &str = "text/event-stream";
/// What is told page by page, and as a whole.
pub const FORMS: &[&str] = &[JSON, NDJSON, CSV];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// one page, as JSON
    Page,
    Ndjson,
    Csv,
    /// server-sent events, as they come
    Follow,
}

impl Form {
    const ALL: [Form; 4] = [Form::Page, Form::Ndjson, Form::Csv, Form::Follow];

    pub fn media_type(self) -> &'static str {
        match self {
            Form::Page => JSON,
            Form::Ndjson => NDJSON,
            Form::Csv => CSV,
            Form::Follow => EVENT_STREAM,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Form::Page => "json",
            Form::Ndjson => "ndjson",
            Form::Csv => "csv",
            Form::Follow => "sse",
        }
    }

    /// The parameter `format`, of what the route offers.
    pub fn asked(query: &mut Parameters<'_>, offers: &[&str]) -> Option<Option<Form>> {
        let offered = || Form::ALL.into_iter().filter(|form| offers.contains(&form.media_type()));
        query.optional("format", |word| {
            let words: Vec<&str> = offered().map(Form::word).collect();
            offered()
                .find(|form| form.word() == word)
                .ok_or_else(|| format!("expected one of {}", words.join(", ")))
        })
    }

    /// What was asked for outright goes before what is accepted.
    pub fn chosen(
        headers: &HeaderMap,
        asked: Option<Form>,
        offers: &'static [&'static str],
    ) -> Result<Form, Problem> {
        if let Some(form) = asked {
            return Ok(form);
        }
        let chosen = conneg::choose(headers, offers)?;
        Ok(Form::ALL.into_iter().find(|form| form.media_type() == chosen).unwrap_or(Form::Page))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ACCEPT, HeaderValue};

    use super::*;
    use crate::http::query::Query;

    fn chosen(accept: &'static str, query: &str) -> Result<Form, String> {
        let headers = [(ACCEPT, HeaderValue::from_static(accept))].into_iter().collect();
        let asked = Query::parse(query).and_then(|query| query.decode(|query| Form::asked(query, FORMS)));
        let form = asked.and_then(|asked| Form::chosen(&headers, asked, FORMS));
        form.map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn the_parameter_goes_before_what_is_accepted() {
        assert_eq!(chosen("*/*", ""), Ok(Form::Page));
        assert_eq!(chosen("text/csv", ""), Ok(Form::Csv));
        assert_eq!(chosen("application/x-ndjson, */*;q=0.1", ""), Ok(Form::Ndjson));
        assert_eq!(chosen("text/html, */*;q=0.8", "format=csv"), Ok(Form::Csv));
        assert_eq!(chosen("text/csv", "format=json"), Ok(Form::Page));
        let refused = "format: expected one of json, ndjson, csv";
        assert_eq!(chosen("*/*", "format=xml"), Err(refused.to_owned()));
    }
}
