//! Texts of the document as HTML: escaped first, then the little of Markdown that the document's descriptions use.

/// A page as it grows.
#[derive(Default)]
pub struct Page(pub String);

impl Page {
    pub fn put(&mut self, markup: &str) {
        self.0.push_str(markup);
    }
}

pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// Paragraphs, and lists whose items begin with `- `.
pub fn blocks(text: &str) -> String {
    let mut html = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        match block.strip_prefix("- ") {
            Some(list) => {
                let items = list.split("\n- ").map(|item| format!("<li>{}</li>\n", inline(item)));
                html.push_str(&format!("<ul>\n{}</ul>\n", items.collect::<String>()));
            }
            None => html.push_str(&format!("<p>{}</p>\n", inline(block))),
        }
    }
    html
}

/// `code` and **strong**; a mark without its other half stays as it is.
pub fn inline(text: &str) -> String {
    let text = between(&escaped(text), "`", "code");
    // Within code nothing else is marked.
    let strong = |part: &str| match part.split_once("<code>") {
        Some((plain, code)) => format!("{}<code>{code}", between(plain, "**", "strong")),
        None => between(part, "**", "strong"),
    };
    text.split_inclusive("</code>").map(strong).collect()
}

fn between(text: &str, mark: &str, element: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(mark) {
        let Some((inside, behind)) = after.split_once(mark) else { break };
        html.push_str(&format!("{before}<{element}>{inside}</{element}>"));
        rest = behind;
    }
    html.push_str(rest);
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_elements_and_nothing_else_does() {
        for (text, html) in [
            ("a `b<c>` d", "a <code>b&lt;c&gt;</code> d"),
            ("**a** and `**`", "<strong>a</strong> and <code>**</code>"),
            ("a ` b", "a ` b"),
            ("<b>&\"", "&lt;b&gt;&amp;&quot;"),
        ] {
            assert_eq!(inline(text), html);
        }
        assert_eq!(
            blocks("a\nb\n\n- c\n  d\n- e"),
            "<p>a\nb</p>\n<ul>\n<li>c\n  d</li>\n<li>e</li>\n</ul>\n"
        );
    }
}
