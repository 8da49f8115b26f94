//! Taking the address to serve on.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use super::StartError;

pub fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| {
        StartError::new(match error.kind() {
            ErrorKind::AddrInUse => format!(
                "{address} is already in use by another program. Stop that one, or choose another address with \
                 --listen (port 0 takes any free one)."
            ),
            ErrorKind::PermissionDenied => format!(
                "{address} may not be bound by this account. Choose a port from 1024 on with --listen, or start as root."
            ),
            ErrorKind::AddrNotAvailable => format!(
                "{address} is not an address of this machine. Choose one that is with --listen, such as 127.0.0.1:8080."
            ),
            _ => format!("{address} cannot be bound: {error}. Choose another address with --listen."),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_with_its_address_and_what_to_do() {
        let taken = bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let address = taken.local_addr().expect("bound");
        let sentence = bind(address).expect_err("bound twice").to_string();
        assert!(sentence.starts_with(&format!("{address} is already in use")), "{sentence}");
        assert!(sentence.contains("--listen"), "{sentence}");
    }
}
