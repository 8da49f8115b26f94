//! A list from its beginning to its end.

use serde_json::Value;

use super::service::Actor;

impl Actor {
    /// All along the cursors, a page of so many at a time, once what follows behind is there.
    #[track_caller]
    pub fn walk(&self, path: &str, limit: usize) -> Vec<Value> {
        let (mut told, mut cursor) = (Vec::new(), String::new());
        let path = path.trim_end_matches(['?', '&']);
        let join = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get_caught_up(&format!("{path}{join}limit={limit}{cursor}")).expect(200);
            let data = page["data"].as_array().expect("a page");
            assert!(data.len() <= limit, "{path}: {} of {limit}", data.len());
            told.extend(data.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return told,
            }
        }
    }
}
