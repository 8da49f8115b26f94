//! Which of the forms a route offers the caller accepts (RFC 9110, 12.5.1). Problems go out as they are, accepted or not.

use actix_web::http::header::{self, HeaderMap};

use super::problem::Problem;

pub const JSON: &str = "application/json";
/// What nearly every route offers.
pub const JSON_ONLY: &[&str] = &[JSON];

/// The accepted form with the highest weight; among equals the one offered first. 406 when none is accepted.
pub fn choose(headers: &HeaderMap, offers: &[&'static str]) -> Result<&'static str, Problem> {
    accepted(headers, offers).ok_or_else(|| Problem::not_acceptable(offers))
}

pub fn accepted(headers: &HeaderMap, offers: &[&'static str]) -> Option<&'static str> {
    let lines = || headers.get_all(header::ACCEPT).filter_map(|line| line.to_str().ok());
    let ranges = || lines().flat_map(|line| line.split(',')).filter_map(Range::parse);
    if ranges().next().is_none() {
        // No Accept, or one in which nothing can be read, asks for nothing in particular.
        return offers.first().copied();
    }
    let mut best: Option<(&'static str, u16)> = None;
    for offer in offers {
        let closest = ranges().filter(|range| range.covers(offer)).max_by_key(Range::precision);
        let weight = closest.map_or(0, |range| range.weight);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((offer, weight));
        }
    }
    best.map(|(offer, _)| offer)
}

struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// in thousandths
    weight: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim_end().eq_ignore_ascii_case("q").then(|| thousandths(value.trim_start()))
        });
        let named = !kind.is_empty() && !subtype.is_empty() && (kind != "*" || subtype == "*");
        named.then_some(())?;
        Some(Range { kind, subtype, weight: weight.unwrap_or(Some(1000))? })
    }

    fn covers(&self, offer: &str) -> bool {
        let same = |range: &str, offered: &str| range == "*" || range.eq_ignore_ascii_case(offered);
        offer
            .split_once('/')
            .is_some_and(|(kind, subtype)| same(self.kind, kind) && same(self.subtype, subtype))
    }

    fn precision(&self) -> u8 {
        u8::from(self.kind != "*") + u8::from(self.subtype != "*")
    }
}

/// `0`, `0.5`, `1.000`: at most one, at most three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: u16 = format!("{decimals:0<3}").parse().ok().filter(|_| digits)?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn the_accepted_form_is_chosen_by_weight_precision_and_order() {
        const FORMS: &[&str] = &["application/json", "application/x-ndjson", "text/csv"];
        let (json, ndjson, csv) = (Some(FORMS[0]), Some(FORMS[1]), Some(FORMS[2]));
        let cases: &[(&[&'static str], Option<&str>)] = &[
            (&[], json),
            (&[""], json),
            (&["*/*"], json),
            (&["text/csv"], csv),
            (&["Text/CSV"], csv),
            (&["text/*"], csv),
            (&["text/html, text/csv;q=0.1"], csv),
            (&["text/csv;q=0.5, application/x-ndjson;q=0.50, */*;q=0.1"], ndjson),
            (&["text/csv", "application/json"], json),
            (&["application/json;q=0, */*"], ndjson),
            (&["application/*;q=0.2, application/x-ndjson;q=0.9"], ndjson),
            (&["text/html"], None),
            (&["application/problem+json"], None),
            (&["*/*;q=0"], None),
            (&["text/csv;q=2, text/html"], None),
            (&["nonsense"], json),
            (&["*/json, text/csv"], csv),
            (&["text/csv;q=0.0001, application/json;q=0.001"], json),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(header::ACCEPT, HeaderValue::from_static(line));
            }
            assert_eq!(accepted(&headers, FORMS), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_refusal_tells_what_is_offered() {
        let headers: HeaderMap =
            [(header::ACCEPT, HeaderValue::from_static("text/html"))].into_iter().collect();
        let refusal = choose(&headers, JSON_ONLY).map_err(|problem| problem.detail().to_owned());
        assert_eq!(refusal, Err("this route offers application/json".to_owned()));
    }
}
