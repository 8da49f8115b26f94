//! Logs: text for people at a terminal, JSON for what collects them elsewhere; always to stderr.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use super::StartError;
use super::config::LogFormat;

/// The server's notes on what arrives at its sockets. Whoever sends garbage would write errors into the log with it; a filter
/// that names the target has them all the same.
const STRANGERS: &str = "actix_http=off";

/// Once a process.
pub fn init(filter: &str, format: LogFormat) -> Result<(), StartError> {
    let failed =
        |error: &dyn std::fmt::Display| StartError::new(format!("Logging cannot be set up: {error}."));
    let filter = EnvFilter::try_new(format!("{STRANGERS},{filter}")).map_err(|error| failed(&error))?;
    let terminal = std::io::stderr().is_terminal();
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    match text {
        true => builder.with_ansi(terminal).with_target(false).try_init(),
        false => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    }
    .map_err(|error| failed(&error))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A panic is a broken invariant of ours. Its message is written by us, so it holds no secret.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(place, thread = thread.name().unwrap_or_default(), "panic: {message}");
}
