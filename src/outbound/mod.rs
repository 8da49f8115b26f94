//! The only room that makes HTTP requests. Whoever needs one states so as a trait of its own, and decides where it may go; what
//! holds for all of them holds here: TLS unless it stays on this machine, no redirects, one resolution of a name for one
//! connection, and a bound on time, size and number.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use crate::limits;
use crate::people::web::{Page, Question, Web, WebError, WebUrl};

pub struct Outbound {
    tls: TlsConnector,
    /// a place for each request that may be under way
    places: Semaphore,
}

impl Outbound {
    /// With the roots of the file, or else with the machine's own.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let tls = TlsConnector::from(trust(ca_file)?);
        Ok(Outbound { tls, places: Semaphore::new(limits::PROVIDER_REQUESTS) })
    }

    async fn exchange(&self, question: Question<'_>) -> Result<Page, WebError> {
        let _place = self.places.acquire().await.map_err(away)?;
        let url = question.url;
        let request = request(question)?;
        let stream = connect(url).await?;
        if !url.is_https {
            return answer(stream, request).await;
        }
        let name = ServerName::try_from(url.host.clone()).map_err(away)?;
        answer(self.tls.connect(name, stream).await.map_err(away)?, request).await
    }
}

impl Web for Outbound {
    fn ask<'a>(&'a self, question: Question<'a>) -> BoxFuture<'a, Result<Page, WebError>> {
        let bounded = tokio::time::timeout(limits::PROVIDER_WAIT, self.exchange(question));
        bounded.map(|outcome| outcome.unwrap_or(Err(WebError::Late))).boxed()
    }
}

/// Whose certificates are believed: those that lead to the roots of the file, or else to the machine's own.
pub fn trust(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Box<dyn Error + Send + Sync>> {
    let roots = ca_file.map_or_else(|| Ok(of_the_machine()), roots_in)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// What of them is unreadable is left out; without any the handshake fails.
fn of_the_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn roots_in(file: &Path) -> Result<RootCertStore, Box<dyn Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    if roots.is_empty() { Err("it holds no certificate".into()) } else { Ok(roots) }
}

fn away(cause: impl std::fmt::Display) -> WebError {
    WebError::Away(cause.to_string())
}

fn request(question: Question<'_>) -> Result<Request<Full<Bytes>>, WebError> {
    let mut request = Request::builder()
        .method(if question.form.is_some() { Method::POST } else { Method::GET })
        .uri(&question.url.path)
        .header(HOST, question.url.authority())
        .header(USER_AGENT, concat!("credledger/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close");
    if let Some(authorization) = question.authorization {
        let mut value = HeaderValue::from_str(&authorization).map_err(away)?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if question.form.is_some() {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    request.body(Full::from(question.form.unwrap_or_default())).map_err(away)
}

/// The addresses that the name has now are the ones that are connected to; nobody looks it up a second time.
async fn connect(url: &WebUrl) -> Result<TcpStream, WebError> {
    let addresses = lookup_host((url.host.as_str(), url.port)).await.map_err(away)?;
    let mut failed = WebError::Away("its name has no address".to_owned());
    for address in addresses.take(limits::ADDRESSES_TRIED) {
        // One address that swallows everything leaves time for the next.
        match tokio::time::timeout(limits::ADDRESS_WAIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(cause)) => failed = away(cause),
            Err(late) => failed = away(late),
        }
    }
    Err(failed)
}

async fn answer<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Page, WebError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(away)?;
    let exchange = async move {
        let response = sender.send_request(request).await.map_err(away)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), limits::PROVIDER_ANSWER_BYTES).collect().await;
        let body = body.map_err(|cause| match cause.is::<http_body_util::LengthLimitError>() {
            true => WebError::TooLarge,
            false => away(cause),
        })?;
        Ok(Page { status, body: body.to_bytes().to_vec() })
    };
    // The connection ends with its one exchange; when it ends first, what it has brought is still to be read.
    match select(Box::pin(exchange), Box::pin(connection)).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right((_, exchange)) => exchange.await,
    }
}
