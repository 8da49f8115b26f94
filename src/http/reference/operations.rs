//! Operations: under their tags, each with what it takes and what it answers.

use super::markup::{Page, blocks, escaped, inline};
use super::schemas::{summary, write_schema};
use super::{Document, Json};

/// One method of one path.
struct Operation<'d, 'a> {
    method: String,
    path: &'d str,
    id: &'d str,
    item: &'d Json<'a>,
    own: &'d Json<'a>,
}

impl<'a> Document<'a> {
    fn operations_of<'d>(&'d self, tag: &'d str) -> impl Iterator<Item = Operation<'d, 'a>> {
        let paths = self.0.member("paths").map(Json::members_of).unwrap_or_default();
        let of_path = |(path, item): &'d (std::borrow::Cow<'a, str>, Json<'a>)| {
            item.members_of().iter().filter_map(move |(method, own)| {
                let (method, path, id) = (method.to_uppercase(), &**path, own.text_of("operationId")?);
                Some(Operation { method, path, id, item, own })
            })
        };
        let tagged = |own: &Json<'_>| own.list_of("tags").iter().any(|each| each.as_text() == Some(tag));
        paths.iter().flat_map(of_path).filter(move |operation| tagged(operation.own))
    }

    pub(super) fn write_contents(&self, page: &mut Page, tag: &Json<'a>) {
        let Some(name) = tag.text_of("name") else { return };
        let shown = escaped(name);
        page.put(&format!("<h2><a href=\"#tag-{shown}\">{shown}</a></h2>\n<ul>\n"));
        for operation in self.operations_of(name) {
            let summary = escaped(operation.own.text_of("summary").unwrap_or(operation.id));
            page.put(&format!("<li><a href=\"#{}\">{summary}</a></li>\n", escaped(operation.id)));
        }
        page.put("</ul>\n");
    }

    pub(super) fn write_tag(&self, page: &mut Page, tag: &Json<'a>) {
        let Some(name) = tag.text_of("name") else { return };
        let shown = escaped(name);
        page.put(&format!("<h2 id=\"tag-{shown}\">{shown}</h2>\n"));
        page.put(&blocks(tag.text_of("description").unwrap_or_default()));
        self.operations_of(name).for_each(|operation| self.write_operation(page, &operation));
    }

    fn write_operation(&self, page: &mut Page, operation: &Operation<'_, 'a>) {
        let own = operation.own;
        let (id, path) = (escaped(operation.id), escaped(operation.path));
        let title = inline(own.text_of("summary").unwrap_or_default());
        page.put(&format!("<section>\n<h3 id=\"{id}\">{title}</h3>\n"));
        page.put(&format!("<p class=\"call\"><code>{} {path}</code></p>\n", operation.method));
        page.put(&blocks(own.text_of("description").unwrap_or_default()));
        self.write_security(page, own);
        self.write_parameters(page, operation);
        if let Some(body) = own.member("requestBody") {
            let needed = if body.is_true("required") { "" } else { " <small>may be left out</small>" };
            page.put(&format!("<h4>Body{needed}</h4>\n"));
            self.write_contents_of(page, self.resolved(body));
        }
        self.write_answers(page, own);
        page.put("</section>\n");
    }

    fn write_answers(&self, page: &mut Page, own: &Json<'a>) {
        page.put("<h4>Answers</h4>\n");
        for (status, answer) in own.member("responses").map(Json::members_of).unwrap_or_default() {
            let answer = self.resolved(answer);
            let description = inline(answer.text_of("description").unwrap_or_default());
            let told = format!("<code>{}</code> {description}", escaped(status));
            // Problems look alike, whatever the operation.
            if status.starts_with(['4', '5']) {
                page.put(&format!("<p class=\"problem\">{told}</p>\n"));
                continue;
            }
            page.put(&format!("<details><summary>{told}</summary>\n"));
            self.write_headers(page, answer);
            self.write_contents_of(page, answer);
            page.put("</details>\n");
        }
    }

    fn write_security(&self, page: &mut Page, own: &Json<'a>) {
        let schemes = own.list_of("security").iter().flat_map(Json::members_of);
        for (scheme, _) in schemes {
            let reference = format!("#/components/securitySchemes/{scheme}");
            let told = self.at(&reference).and_then(|scheme| scheme.text_of("description"));
            page.put(&format!("<p class=\"bearer\">Bearer: {}</p>\n", inline(told.unwrap_or(scheme))));
        }
    }

    fn write_parameters(&self, page: &mut Page, operation: &Operation<'_, 'a>) {
        let common = operation.item.list_of("parameters").iter();
        let all: Vec<&Json<'a>> =
            common.chain(operation.own.list_of("parameters")).map(|each| self.resolved(each)).collect();
        if all.is_empty() {
            return;
        }
        page.put("<h4>Parameters</h4>\n<table>\n");
        for parameter in all {
            let text = |name| parameter.text_of(name).unwrap_or_default();
            let needed = if parameter.is_true("required") { " <em>required</em>" } else { "" };
            let kind = parameter.member("schema").map(summary).unwrap_or_default();
            page.put(&format!(
                "<tr><td><code>{}</code> <small>{}</small>{needed}</td><td>{kind} · {}</td></tr>\n",
                escaped(text("name")),
                escaped(text("in")),
                inline(text("description"))
            ));
        }
        page.put("</table>\n");
    }

    fn write_headers(&self, page: &mut Page, answer: &Json<'a>) {
        let headers = answer.member("headers").map(Json::members_of).unwrap_or_default();
        if headers.is_empty() {
            return;
        }
        page.put("<table>\n");
        for (name, header) in headers {
            let told = inline(self.resolved(header).text_of("description").unwrap_or_default());
            page.put(&format!("<tr><td><code>{}</code></td><td>{told}</td></tr>\n", escaped(name)));
        }
        page.put("</table>\n");
    }

    /// Of a body: the schema once, whatever the media types, and every example.
    fn write_contents_of(&self, page: &mut Page, body: &Json<'a>) {
        let contents = body.member("content").map(Json::members_of).unwrap_or_default();
        let types: Vec<String> =
            contents.iter().map(|(media, _)| format!("<code>{}</code>", escaped(media))).collect();
        let Some((_, first)) = contents.first() else { return };
        page.put(&format!("<p>{}</p>\n", types.join(" or ")));
        if let Some(schema) = first.member("schema") {
            page.put(&format!("<p>{}</p>\n", summary(schema)));
            if schema.text_of("$ref").is_some() && !self.resolved(schema).list_of("oneOf").is_empty() {
                write_schema(page, self.resolved(schema));
            } else if schema.text_of("$ref").is_none() {
                write_schema(page, schema);
            }
        }
        for (_, example) in first.member("examples").map(Json::members_of).unwrap_or_default() {
            let title = inline(example.text_of("summary").unwrap_or("Example"));
            if let Some(value) = example.member("value") {
                write_example(page, &title, value);
            }
        }
        if let Some(value) = first.member("example") {
            write_example(page, "Example", value);
        }
    }
}

fn write_example(page: &mut Page, title: &str, value: &Json<'_>) {
    let shown = escaped(&pretty(value));
    page.put(&format!("<p><small>{title}</small></p>\n<pre><code>{shown}</code></pre>\n"));
}

/// In the order of the document, indented; a text stands as it is.
fn pretty(value: &Json<'_>) -> String {
    let mut text = String::new();
    match value {
        Json::Text(plain) => text.push_str(plain),
        other => push_pretty(&mut text, other, 0),
    }
    text
}

fn push_pretty(text: &mut String, value: &Json<'_>, depth: usize) {
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    match value {
        Json::Object(members) if !members.is_empty() => {
            text.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                line(text, depth + 1);
                text.push_str(&format!("{}: ", serde_json::Value::from(&**name)));
                push_pretty(text, value, depth + 1);
            }
            line(text, depth);
            text.push('}');
        }
        Json::List(items) if items.iter().any(|item| matches!(item, Json::Object(_))) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                line(text, depth + 1);
                push_pretty(text, item, depth + 1);
            }
            line(text, depth);
            text.push(']');
        }
        plain => text.push_str(&plain.canonical()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_keeps_its_order_and_reads_back_as_it_was() {
        let text = br#"{"b":[{"z":1,"a":[1,2]},{}],"a":"x"}"#;
        let shown = pretty(&Json::parse(text).expect("JSON"));
        assert!(
            shown.starts_with(
                "{\n  \"b\": [\n    {\n      \"z\": 1,\n      \"a\": [1,2]\n    },\n    {}\n  ],"
            ),
            "{shown}"
        );
        let back: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(back, serde_json::from_slice::<serde_json::Value>(text).expect("JSON"));
    }
}
