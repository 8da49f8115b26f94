//! GET /docs: the API document as a page to read. Made once at start, of the document alone; it asks for nothing from
//! elsewhere, and runs no script.

mod markup;
mod operations;
mod schemas;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use super::app::App;
use super::docs::STATIC_PAGE;
use super::json::{Json, Malformed};
use super::problem::Problem;
use super::query;
use markup::{Page, blocks, escaped};

const STYLE: &str = include_str!("page.css");

pub async fn handle(app: Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    query::none(request.query_string())?;
    Ok(HttpResponse::Ok()
        .insert_header(STATIC_PAGE)
        .content_type("text/html; charset=utf-8")
        .body(app.reference.clone()))
}

/// The page of this document, which [`super::openapi::document`] made.
pub fn page(document: &[u8]) -> Result<Bytes, Malformed> {
    let document = Document(Json::parse(document)?);
    let mut page = Page::default();
    document.write(&mut page);
    Ok(Bytes::from(page.0))
}

/// The whole document, for whoever follows its references.
struct Document<'a>(Json<'a>);

impl<'a> Document<'a> {
    /// What a part says, or what the component says that it refers to.
    fn resolved<'j>(&'j self, part: &'j Json<'a>) -> &'j Json<'a> {
        match part.text_of("$ref") {
            Some(reference) => self.at(reference).unwrap_or(part),
            None => part,
        }
    }

    fn at(&self, reference: &str) -> Option<&Json<'a>> {
        let steps = reference.strip_prefix("#/")?.split('/');
        steps.into_iter().try_fold(&self.0, |part, step| part.member(step))
    }

    fn write(&self, page: &mut Page) {
        let info = self.0.member("info");
        let text = |name| info.and_then(|info| info.text_of(name)).unwrap_or_default();
        let (title, version) = (escaped(text("title")), escaped(text("version")));
        page.put(&format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n"
        ));
        let tags = self.0.list_of("tags");
        page.put("<nav>\n<a href=\"#top\">Overview</a>\n");
        tags.iter().for_each(|tag| self.write_contents(page, tag));
        page.put("<h2><a href=\"#schemas\">Schemas</a></h2>\n</nav>\n<main>\n");
        page.put(&format!("<h1 id=\"top\">{title} <small>{version}</small></h1>\n"));
        page.put(&blocks(text("description")));
        page.put("<p>The same for programs: <a href=\"/openapi.json\">/openapi.json</a>. All problems: <a href=\"/docs/problems\">/docs/problems</a>.</p>\n");
        tags.iter().for_each(|tag| self.write_tag(page, tag));
        self.write_schemas(page);
        page.put("</main>\n</html>\n");
    }
}

/// Looking into a document whose shape is known.
impl<'a> Json<'a> {
    fn members_of(&self) -> &[(std::borrow::Cow<'a, str>, Json<'a>)] {
        if let Json::Object(members) = self { members } else { &[] }
    }

    fn member(&self, name: &str) -> Option<&Json<'a>> {
        self.members_of().iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn list_of(&self, name: &str) -> &[Json<'a>] {
        if let Some(Json::List(items)) = self.member(name) { items } else { &[] }
    }

    fn text_of(&self, name: &str) -> Option<&str> {
        self.member(name)?.as_text()
    }

    fn as_text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    fn is_true(&self, name: &str) -> bool {
        matches!(self.member(name), Some(Json::Bool(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi;

    fn whole() -> String {
        let made = page(&openapi::document("https://keys.example.com/<b>")).expect("our own document");
        String::from_utf8(made.to_vec()).expect("UTF-8")
    }

    /// Every value of an attribute, in order.
    fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
        let mark = format!(" {name}=\"");
        let after = page.split(&mark).skip(1);
        after.filter_map(|rest| rest.split_once('"').map(|(value, _)| value)).collect()
    }

    #[test]
    fn every_operation_and_schema_has_its_place_and_every_link_leads_to_one() {
        let page = whole();
        let places = attributes(&page, "id");
        let mut unique = places.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), places.len(), "a place twice");
        for link in attributes(&page, "href") {
            match link.strip_prefix('#') {
                Some(place) => assert!(places.contains(&place), "{link} leads nowhere"),
                None => assert!(["/openapi.json", "/docs/problems"].contains(&link), "{link}"),
            }
        }
        let bytes = openapi::document("https://keys.example.com");
        let document = Json::parse(&bytes).expect("our own document");
        let mut told = 0;
        for (path, item) in document.member("paths").expect("paths").members_of() {
            for operation in
                item.members_of().iter().filter_map(|(_, operation)| operation.text_of("operationId"))
            {
                assert!(places.contains(&operation), "{operation} of {path}");
                told += 1;
            }
        }
        assert!(told > 20, "{told}");
        let schemas = document.member("components").and_then(|all| all.member("schemas")).expect("schemas");
        for (name, _) in schemas.members_of() {
            assert!(places.contains(&&*format!("schema-{name}")), "{name}");
        }
    }

    #[test]
    fn nothing_is_asked_for_from_elsewhere_and_no_text_becomes_markup() {
        let page = whole();
        for mark in ["<script", "src=", "@import", "url(", "<b>", "<link", "javascript:"] {
            assert!(!page.contains(mark), "{mark}");
        }
    }

    #[test]
    fn elements_are_closed_in_the_order_they_were_opened() {
        let page = whole();
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag)) {
            let name = tag.split([' ', '\n']).next().unwrap_or_default();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "in {tag}"),
                None if ["!doctype", "meta"].contains(&name) => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, Vec::<&str>::new());
    }
}
