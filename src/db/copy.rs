//! A reader of COPY BINARY: whole rows as slices of what the server sent, with no allocation a field.
//!
//! The server is free to cut the stream anywhere. Rows that lie whole in one piece are read in place; only one that is cut is copied.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use uuid::Uuid;

use super::DbError;
use crate::limits;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// signature, flags, length of the header's extension
const HEADER: usize = SIGNATURE.len() + 8;
const END: i16 = -1;

pub struct CopyReader<S> {
    pieces: S,
    piece: Bytes,
    at: usize,
    begun: bool,
    fields: Vec<Field>,
}

#[derive(Clone, Copy)]
struct Field {
    start: usize,
    /// `None`: null
    bytes: Option<usize>,
}

enum Found {
    Row { end: usize },
    End,
    Cut,
}

impl<S> CopyReader<S>
where
    S: Stream<Item = Result<Bytes, tokio_postgres::Error>> + Unpin,
{
    /// Of what `copy_out` gives (pinned).
    pub fn new(pieces: S) -> Self {
        Self { pieces, piece: Bytes::new(), at: 0, begun: false, fields: Vec::new() }
    }

    /// The next row; it has to be let go of before the one after it.
    pub async fn next(&mut self) -> Result<Option<CopyRow<'_>>, DbError> {
        if !self.begun {
            self.skip_header().await?;
        }
        loop {
            match find_row(&self.piece, self.at, &mut self.fields)? {
                Found::Row { end } => {
                    self.at = end;
                    return Ok(Some(CopyRow { bytes: &self.piece, fields: &self.fields }));
                }
                Found::End => return Ok(None),
                Found::Cut => self.more().await?,
            }
        }
    }

    async fn skip_header(&mut self) -> Result<(), DbError> {
        while self.piece.len() < HEADER {
            self.more().await?;
        }
        if !self.piece.starts_with(SIGNATURE) {
            return Err(unreadable("it does not begin as COPY BINARY does"));
        }
        let extension = int4(&self.piece, SIGNATURE.len() + 4).and_then(|bytes| usize::try_from(bytes).ok());
        if extension != Some(0) {
            return Err(unreadable("its header has an extension"));
        }
        self.at = HEADER;
        self.begun = true;
        Ok(())
    }

    /// Puts the next piece behind what is left of this one.
    async fn more(&mut self) -> Result<(), DbError> {
        let Some(next) = self.pieces.next().await else {
            return Err(unreadable("it ends inside a row"));
        };
        let next = next?;
        let left = &self.piece[self.at..];
        if left.is_empty() {
            self.piece = next;
        } else if left.len() > limits::COPY_ROW_BYTES {
            return Err(unreadable("a row is longer than any of ours can be"));
        } else {
            let mut joined = BytesMut::with_capacity(left.len() + next.len());
            joined.extend_from_slice(left);
            joined.extend_from_slice(&next);
            self.piece = joined.freeze();
        }
        self.at = 0;
        Ok(())
    }
}

/// Finds the fields of the row that begins at `at`. `Cut` when the piece ends before the row does.
fn find_row(piece: &[u8], at: usize, fields: &mut Vec<Field>) -> Result<Found, DbError> {
    let Some(count) = int2(piece, at) else { return Ok(Found::Cut) };
    if count == END {
        return Ok(Found::End);
    }
    let count = usize::try_from(count).map_err(|_| unreadable("a row has a negative number of fields"))?;
    fields.clear();
    let mut next = at + 2;
    for _ in 0..count {
        let Some(length) = int4(piece, next) else { return Ok(Found::Cut) };
        next += 4;
        let bytes = match length {
            -1 => None,
            length => Some(usize::try_from(length).map_err(|_| unreadable("a field has a negative length"))?),
        };
        fields.push(Field { start: next, bytes });
        next += bytes.unwrap_or(0);
        if next > piece.len() {
            return Ok(Found::Cut);
        }
    }
    Ok(Found::Row { end: next })
}

fn int2(bytes: &[u8], at: usize) -> Option<i16> {
    Some(i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn int4(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn unreadable(why: &'static str) -> DbError {
    DbError::Unreadable(format!("the COPY stream can't be read: {why}").into())
}

/// One row. Fields are numbered from 0 and read as what the query said they are.
pub struct CopyRow<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
}

impl<'a> CopyRow<'a> {
    /// `None` for null.
    pub fn optional(&self, field: usize) -> Result<Option<&'a [u8]>, DbError> {
        let found =
            self.fields.get(field).ok_or_else(|| unreadable("a row has fewer fields than were asked for"))?;
        Ok(found.bytes.map(|length| &self.bytes[found.start..found.start + length]))
    }

    pub fn bytes(&self, field: usize) -> Result<&'a [u8], DbError> {
        self.optional(field)?.ok_or_else(|| unreadable("a field is null that may not be"))
    }

    fn exactly<const N: usize>(&self, field: usize) -> Result<[u8; N], DbError> {
        self.bytes(field)?.try_into().map_err(|_| unreadable("a field is not of its type's length"))
    }

    pub fn int2(&self, field: usize) -> Result<i16, DbError> {
        Ok(i16::from_be_bytes(self.exactly(field)?))
    }

    pub fn int4(&self, field: usize) -> Result<i32, DbError> {
        Ok(i32::from_be_bytes(self.exactly(field)?))
    }

    pub fn int8(&self, field: usize) -> Result<i64, DbError> {
        Ok(i64::from_be_bytes(self.exactly(field)?))
    }

    pub fn uuid(&self, field: usize) -> Result<Uuid, DbError> {
        Ok(Uuid::from_bytes(self.exactly(field)?))
    }

    pub fn boolean(&self, field: usize) -> Result<bool, DbError> {
        Ok(self.exactly::<1>(field)? != [0])
    }

    pub fn text(&self, field: usize) -> Result<&'a str, DbError> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| unreadable("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows: (7, "first", null) and (-1, "", 0x0102).
    fn stream() -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0; 8]);
        for (number, text, tail) in [(7i64, "first", None), (-1, "", Some([1u8, 2]))] {
            bytes.extend(3i16.to_be_bytes());
            bytes.extend(8i32.to_be_bytes());
            bytes.extend(number.to_be_bytes());
            bytes.extend((text.len() as i32).to_be_bytes());
            bytes.extend(text.as_bytes());
            match tail {
                None => bytes.extend((-1i32).to_be_bytes()),
                Some(tail) => {
                    bytes.extend(2i32.to_be_bytes());
                    bytes.extend(tail);
                }
            }
        }
        bytes.extend(END.to_be_bytes());
        bytes
    }

    type Read = (i64, String, Option<Vec<u8>>);

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Read>, DbError> {
        let pieces: Vec<_> = bytes.chunks(piece).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
        let mut reader = CopyReader::new(futures::stream::iter(pieces));
        let mut rows = Vec::new();
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
            while let Some(row) = reader.next().await? {
                rows.push((row.int8(0)?, row.text(1)?.to_owned(), row.optional(2)?.map(<[u8]>::to_vec)));
            }
            Ok(rows)
        })
    }

    #[test]
    fn rows_are_read_wherever_the_stream_is_cut() {
        let bytes = stream();
        let expected = vec![(7, "first".to_owned(), None), (-1, String::new(), Some(vec![1, 2]))];
        for piece in 1..=bytes.len() {
            assert_eq!(read(&bytes, piece).expect("a stream"), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_stream_that_ends_early_or_is_no_copy_is_an_error() {
        let bytes = stream();
        for end in 0..bytes.len() - 1 {
            assert!(read(&bytes[..end], 7).is_err(), "cut at {end}");
        }
        let mut other = bytes.clone();
        other[0] = b'X';
        assert!(read(&other, 7).is_err());
    }

    #[test]
    fn a_field_of_another_length_than_its_type_is_an_error() {
        let row = CopyRow { bytes: &[1, 2, 3], fields: &[Field { start: 0, bytes: Some(3) }] };
        assert!(
            row.int4(0).is_err() && row.uuid(0).is_err() && row.boolean(0).is_err() && row.bytes(1).is_err()
        );
    }
}
