//! One file for each reader of foreign text, and what it promises about anything it is given.

mod assertion;
mod authorization;
mod cidr;
mod entry;
mod forwarded;
mod key;
mod proof;
mod scope;
mod text;
mod timestamp;
mod token;

/// Two texts in one input stand on either side of the first of these.
const SEPARATOR: u8 = b'\n';

fn two(input: &[u8]) -> (&[u8], &[u8]) {
    let middle = input.iter().position(|&byte| byte == SEPARATOR);
    middle.map_or((input, &[]), |middle| (&input[..middle], &input[middle + 1..]))
}

fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}
