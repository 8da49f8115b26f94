//! Base64url without padding (RFC 4648, 5): one text for one value, so what decodes encodes back to the same text.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What no character of the alphabet stands for.
const NONE: u8 = 0xff;
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    each_group(bytes, |letters| {
        letters.iter().for_each(|letter| text.push(char::from(*letter)));
        true
    });
    text
}

/// Whether those bytes are written so; nothing is allocated.
pub fn encodes(bytes: &[u8], text: &[u8]) -> bool {
    let mut rest = text;
    let begins = |letters: &[u8]| rest.strip_prefix(letters).map(|behind| rest = behind).is_some();
    each_group(bytes, begins) && rest.is_empty()
}

/// The letters of each three bytes, as long as they are wanted; whether all of them were.
#[inline]
fn each_group(bytes: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> bool {
    let letter = |bits: u32, place: u32| ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
    let four = |group: [u8; 3]| {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        [letter(bits, 0), letter(bits, 1), letter(bits, 2), letter(bits, 3)]
    };
    let (groups, rest) = bytes.as_chunks::<3>();
    groups.iter().all(|group| take(&four(*group)))
        && match *rest {
            [] => true,
            [one] => take(&four([one, 0, 0])[..2]),
            [one, two, ..] => take(&four([one, two, 0])[..3]),
        }
}

/// `None` for any other alphabet, for padding, and for spare bits that are not zero.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    for group in groups {
        bytes.extend_from_slice(&three(*group)?);
    }
    // `A` stands for zero bits.
    let (group, whole) = match *rest {
        [] => return Some(bytes),
        [first, second] => ([first, second, b'A', b'A'], 1),
        [first, second, third] => ([first, second, third, b'A'], 2),
        _ => return None,
    };
    let group = three(group)?;
    let (whole, spare) = group.split_at(whole);
    if spare.iter().any(|&byte| byte != 0) {
        return None;
    }
    bytes.extend_from_slice(whole);
    Some(bytes)
}

#[inline]
fn three(letters: [u8; 4]) -> Option<[u8; 3]> {
    let values = letters.map(|letter| VALUES[usize::from(letter)]);
    if values.contains(&NONE) {
        return None;
    }
    let bits = values.iter().fold(0, |bits, value| bits << 6 | u32::from(*value));
    let [_, group @ ..] = bits.to_be_bytes();
    Some(group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_agrees_with_the_standard() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"fooba", "Zm9vYmE"),
            (b"foobar", "Zm9vYmFy"),
            (b"\xfb\xff\xfe", "-__-"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn another_spelling_of_a_value_is_refused() {
        for text in ["Z", "Zg==", "Zh", "Zm9", "+//+", "Zm9v\n", "Zm9vY", "é"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back(bytes: Vec<u8>) {
            let text = encode(&bytes);
            prop_assert!(encodes(&bytes, text.as_bytes()));
            prop_assert_eq!(decode(&text), Some(bytes));
        }

        #[test]
        fn another_text_is_not_its_own(bytes: Vec<u8>, place: prop::sample::Index, letter: u8, more: Vec<u8>) {
            let text = encode(&bytes).into_bytes();
            let longer = [&text[..], &more].concat();
            prop_assert_eq!(encodes(&bytes, &longer), more.is_empty());
            if !text.is_empty() {
                prop_assert!(!encodes(&bytes, &text[..place.index(text.len())]));
                let mut other = text.clone();
                other[place.index(text.len())] = letter;
                prop_assert_eq!(encodes(&bytes, &other), other == text);
            }
        }
    }
}
