//! The ledger's feed, as server-sent events: whatever is there from a position on, and then whatever comes. Where the connection
//! breaks, it is taken up again behind the last event that came.

use std::io::{BufRead, Read};
use std::time::Duration;

use super::{Remote, broken, cut, refused, with};
use crate::cli::complain;
use crate::limits;
use crate::ops::StartError;

const PATH: &str = "/api/admin/v1/ledger/events";
const EVENT_STREAM: &str = "text/event-stream";

/// Events without end, each as the service wrote it. It ends with the first error.
pub struct Feed<'r> {
    remote: &'r Remote,
    /// the position of the next one
    next: u64,
    lines: Option<Box<dyn BufRead>>,
    /// how often in a row it broke off without an event
    failed: u32,
    /// there was a connection once: what fails before that is no break
    began: bool,
    ended: bool,
}

/// Why there is no event yet.
enum Stop {
    /// worth another connection
    Cut(String),
    Over(StartError),
}

impl<'r> Feed<'r> {
    pub fn new(remote: &'r Remote, from: u64) -> Self {
        Feed { remote, next: from, lines: None, failed: 0, began: false, ended: false }
    }

    fn open(&self) -> Result<Box<dyn BufRead>, Stop> {
        let path = with(PATH, "from", &self.next.to_string());
        let request = self.remote.reading(&path, EVENT_STREAM);
        let again = |error: StartError| match self.began {
            true => Stop::Cut(error.to_string()),
            false => Stop::Over(error),
        };
        let answer =
            self.remote.exchange(&request, self.remote.silence.min(limits::FOLLOW_SILENCE)).map_err(again)?;
        match answer.status {
            200 if answer.media_type() == EVENT_STREAM => Ok(Box::new(answer.body())),
            200 => Err(Stop::Over(broken("what it answered is no feed"))),
            429 | 502..=504 => Err(Stop::Cut(refused(answer).to_string())),
            _ => Err(Stop::Over(refused(answer))),
        }
    }

    /// The next event. Fields that are neither `id` nor `data` are for others, and comments are signs of life.
    fn event(&mut self) -> Result<String, Stop> {
        if self.lines.is_none() {
            self.lines = Some(self.open()?);
            self.began = true;
        }
        let (mut id, mut data) = (None, None);
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", text)) => id = text.parse::<u64>().ok(),
                Some(("data", text)) => data = Some(text.to_owned()),
                None if line.is_empty() => match (id.take(), data.take()) {
                    (Some(id), Some(event)) if id == self.next => {
                        self.next += 1;
                        return Ok(event);
                    }
                    (None, None) => {}
                    (id, _) => {
                        let came = id.map_or("an event without one".to_owned(), |id| id.to_string());
                        let missed =
                            format!("The event at position {} did not come; {came} did. ", self.next);
                        return Err(Stop::Over(StartError::new(missed + "Ask again from there.")));
                    }
                },
                _ => {}
            }
        }
    }

    fn line(&mut self) -> Result<String, Stop> {
        let ended = || Stop::Cut("the service went away.".to_owned());
        let lines = self.lines.as_mut().ok_or_else(ended)?;
        let mut line = String::new();
        let read = lines.take(limits::FOLLOW_LINE_BYTES).read_line(&mut line);
        read.map_err(|error| Stop::Cut(cut(error) + "."))?;
        if !line.ends_with('\n') {
            return Err(ended());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl Iterator for Feed<'_> {
    type Item = Result<String, StartError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.event() {
                Ok(event) => {
                    self.failed = 0;
                    return Some(Ok(event));
                }
                Err(Stop::Over(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                Err(Stop::Cut(why)) => {
                    self.lines = None;
                    self.failed += 1;
                    if self.failed >= limits::FOLLOW_ATTEMPTS {
                        self.ended = true;
                        let next = self.next;
                        let told =
                            format!("The feed broke off before position {next}: {why} Ask again from there.");
                        return Some(Err(StartError::new(told)));
                    }
                    let wait = Duration::from_secs(1 << (self.failed - 1).min(4));
                    complain(&format!("The feed broke off: {why} Going on in {} s.", wait.as_secs()));
                    std::thread::sleep(wait);
                }
            }
        }
        None
    }
}
