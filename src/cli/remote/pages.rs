//! A list, page after page. A page is a request by itself: whoever reads it may take as long as it likes.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Remote, broken, whole, with};
use crate::limits;
use crate::ops::StartError;

/// Pages of rows, each as the service wrote it.
pub struct Pages<'r> {
    remote: &'r Remote,
    path: String,
    cursor: Option<String>,
    /// rows that are still wanted; none: all
    left: Option<u64>,
    ended: bool,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

impl<'r> Pages<'r> {
    /// `path`: with its filters. `most`: how many rows in all.
    pub fn new(remote: &'r Remote, path: String, most: Option<u64>) -> Self {
        Pages { remote, path, cursor: None, left: most, ended: most == Some(0) }
    }

    fn read(&mut self) -> Result<Vec<Box<RawValue>>, StartError> {
        let limit = self.left.unwrap_or(u64::MAX).min(limits::ASK_PAGE);
        let mut path = with(&self.path, "limit", &limit.to_string());
        if let Some(cursor) = &self.cursor {
            path = with(&path, "cursor", cursor);
        }
        let told = whole(self.remote.get(&path, "application/json")?)?;
        let page: Page =
            serde_json::from_slice(&told).map_err(|_| broken("what it answered is no page of a list"))?;
        if page.next_cursor.is_some() && page.next_cursor == self.cursor {
            return Err(broken("its list comes to no end"));
        }
        self.left = self.left.map(|left| left.saturating_sub(page.data.len() as u64));
        self.ended = page.next_cursor.is_none() || self.left == Some(0);
        self.cursor = page.next_cursor;
        Ok(page.data)
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Vec<Box<RawValue>>, StartError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let page = self.read();
        self.ended |= page.is_err();
        Some(page)
    }
}
