//! Schemas: each under its name, one level deep; what lies deeper is a link.

use super::markup::{Page, escaped, inline};
use super::{Document, Json};

/// Keywords that are told in a word each, beside the type.
const BOUNDS: [(&str, &str); 10] = [
    ("format", ""),
    ("minLength", "at least "),
    ("maxLength", "at most "),
    ("minimum", "from "),
    ("maximum", "to "),
    ("minItems", "at least "),
    ("maxItems", "at most "),
    ("maxProperties", "at most "),
    ("pattern", "matches "),
    ("default", "default "),
];

impl Document<'_> {
    pub(super) fn write_schemas(&self, page: &mut Page) {
        page.put("<h2 id=\"schemas\">Schemas</h2>\n");
        let schemas = self.0.member("components").and_then(|components| components.member("schemas"));
        for (name, schema) in schemas.map(Json::members_of).unwrap_or_default() {
            let name = escaped(name);
            page.put(&format!("<section>\n<h3 id=\"schema-{name}\">{name}</h3>\n"));
            write_schema(page, schema);
            page.put("</section>\n");
        }
    }
}

/// A schema in its place: what it is, and its members where it has any.
pub fn write_schema(page: &mut Page, schema: &Json<'_>) {
    page.put(&format!("<p>{}</p>\n", summary(schema)));
    let properties = schema.member("properties").map(Json::members_of).unwrap_or_default();
    if properties.is_empty() {
        return;
    }
    let required: Vec<&str> = schema.list_of("required").iter().filter_map(Json::as_text).collect();
    page.put("<table>\n");
    for (name, property) in properties {
        let needed = if required.contains(&&**name) { " <em>required</em>" } else { "" };
        page.put(&format!(
            "<tr><td><code>{}</code>{needed}</td><td>{}</td></tr>\n",
            escaped(name),
            summary(property)
        ));
    }
    page.put("</table>\n");
}

/// Its type and bounds, then what it means.
pub fn summary(schema: &Json<'_>) -> String {
    let bounds: Vec<String> = BOUNDS
        .iter()
        .filter_map(|(name, words)| Some(format!("{words}{}", value(schema.member(name)?))))
        .collect();
    let bounds = match bounds.is_empty() {
        true => String::new(),
        false => format!(" <small>{}</small>", bounds.join(", ")),
    };
    let description = schema.text_of("description").map(|text| format!(" · {}", inline(text)));
    let description = description.unwrap_or_default();
    format!("{}{bounds}{description}", kind(schema))
}

fn kind(schema: &Json<'_>) -> String {
    if let Some(reference) = schema.text_of("$ref") {
        let name = escaped(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(constant) = schema.member("const") {
        return value(constant);
    }
    let choices = schema.list_of("oneOf");
    if !choices.is_empty() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let words = schema.list_of("enum");
    if !words.is_empty() {
        return words.iter().map(value).collect::<Vec<_>>().join(" · ");
    }
    if let Some(items) = schema.member("items") {
        return format!("list of {}", kind(items));
    }
    match schema.member("type") {
        Some(Json::List(types)) => {
            types.iter().filter_map(Json::as_text).map(escaped).collect::<Vec<_>>().join(" or ")
        }
        Some(Json::Text(own)) => match (&**own, schema.member("additionalProperties")) {
            ("object", Some(other @ Json::Object(_))) => format!("object of {}", kind(other)),
            (own, _) => escaped(own),
        },
        _ => "anything".to_owned(),
    }
}

/// As it stands in the document.
fn value(json: &Json<'_>) -> String {
    let text = json.as_text().map_or_else(|| json.canonical(), str::to_owned);
    format!("<code>{}</code>", escaped(&text))
}
