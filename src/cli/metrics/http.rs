//! As much of HTTP/1.1 as a scraper needs: `GET /metrics`, one answer a connection. Written here because it is all of it: the
//! small HTTP crates start a thread for each connection and bound neither their number nor how long one may stay.
//!
//! Whoever connects is a stranger: heads are bounded in size and time, connections in number.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::error::{Error, Kind};

/// The most connections at a time; the kernel keeps a few more waiting.
const CONNECTIONS: usize = 8;
/// The longest request head, in bytes.
const HEAD_MAX: usize = 8 * 1024;
/// How long a connection may take, from its first byte to its last.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before connections are taken again after that failed, as when there are no descriptors left.
const RETRY: Duration = Duration::from_millis(100);

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// What makes the text that is served.
pub(super) trait Body: Fn() -> Result<String, Error> + Send + Sync + 'static {}

impl<T: Fn() -> Result<String, Error> + Send + Sync + 'static> Body for T {}

/// Answers whoever connects to `address` with what `body` makes, until the process is told to stop.
///
/// # Errors
/// The address cannot be listened on.
pub(super) fn serve(address: SocketAddr, body: impl Body) -> Result<(), Error> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(CONNECTIONS).build();
    let runtime = runtime.map_err(|error| Error::new(Kind::Failed, format!("cannot start the runtime: {error}")))?;
    let done = runtime.block_on(listen(address, body));
    // Whoever is still being answered is not waited for.
    runtime.shutdown_background();
    done
}

async fn listen(address: SocketAddr, body: impl Body) -> Result<(), Error> {
    let fail = |what: &str, error: std::io::Error| {
        let kind = if error.kind() == std::io::ErrorKind::PermissionDenied { Kind::NotPermitted } else { Kind::Failed };
        Error::new(kind, format!("cannot {what}: {error}"))
    };
    let listener = TcpListener::bind(address).await.map_err(|error| fail(&format!("listen on {address}"), error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| fail("listen for signals", error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| fail("listen for signals", error))?;
    let bound = listener.local_addr().unwrap_or(address);
    eprintln!("ovsdp: metrics at http://{bound}/metrics");
    tokio::select! {
        () = accept(listener, Arc::new(body)) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn accept(listener: TcpListener, body: Arc<impl Body>) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((mut stream, _)) => {
                let body = Arc::clone(&body);
                tokio::spawn(async move {
                    let _seat = seat;
                    // One that is too slow, or went away, gets no answer; nobody else needs to know.
                    let _ = tokio::time::timeout(TIMEOUT, converse(&mut stream, body)).await;
                });
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// Reads one request and answers it.
async fn converse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), body: Arc<impl Body>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let asked = loop {
        if let Some(asked) = Asked::read(&head) {
            break asked;
        }
        let mut part = [0; 1024];
        match stream.read(&mut part).await? {
            0 if head.is_empty() => return Ok(()),
            0 => break Asked::Nonsense,
            length => head.extend_from_slice(part.get(..length).unwrap_or_default()),
        }
    };
    let (status, more, kind, text) = match asked {
        // Gathering waits for the kernel and the agent: elsewhere, so that other connections go on.
        Asked::Metrics => match tokio::task::spawn_blocking(move || body()).await {
            Ok(Ok(text)) => ("200 OK", "", OPENMETRICS, text),
            Ok(Err(error)) => ("500 Internal Server Error", "", PLAIN, format!("{error}\n")),
            Err(error) => ("500 Internal Server Error", "", PLAIN, format!("{error}\n")),
        },
        Asked::Elsewhere => ("404 Not Found", "", PLAIN, "the metrics are at /metrics\n".into()),
        Asked::OtherMethod => ("405 Method Not Allowed", "Allow: GET\r\n", PLAIN, "only GET is answered\n".into()),
        Asked::TooLong => ("431 Request Header Fields Too Large", "", PLAIN, format!("a request may have {HEAD_MAX} bytes\n")),
        Asked::Nonsense => ("400 Bad Request", "", PLAIN, "this is not HTTP/1\n".into()),
    };
    let length = text.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n{text}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Metrics,
    Elsewhere,
    OtherMethod,
    TooLong,
    Nonsense,
}

impl Asked {
    /// What the head of a request asks for; `None` when more of it must come.
    fn read(head: &[u8]) -> Option<Self> {
        let whole = head.windows(4).any(|end| end == b"\r\n\r\n") || head.windows(2).any(|end| end == b"\n\n");
        if !whole {
            return (head.len() >= HEAD_MAX).then_some(Self::TooLong);
        }
        let line = head.split(|byte| *byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
        let words: Vec<_> = line.trim_end_matches('\r').split(' ').collect();
        Some(match words[..] {
            [method, target, "HTTP/1.1" | "HTTP/1.0"] if !method.is_empty() && target.starts_with('/') => match (method, target.split('?').next()) {
                (_, path) if path != Some("/metrics") => Self::Elsewhere,
                ("GET", _) => Self::Metrics,
                _ => Self::OtherMethod,
            },
            _ => Self::Nonsense,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_request_asks_for() {
        let asked = |head: &str| Asked::read(head.as_bytes());
        assert_eq!(asked("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), Some(Asked::Metrics));
        assert_eq!(asked("GET /metrics?name[]=x HTTP/1.0\n\n"), Some(Asked::Metrics));
        assert_eq!(asked("GET /metrics HTTP/1.1\r\nHost: x\r\n"), None);
        assert_eq!(asked("GET / HTTP/1.1\r\n\r\n"), Some(Asked::Elsewhere));
        assert_eq!(asked("GET /metrics/../x HTTP/1.1\r\n\r\n"), Some(Asked::Elsewhere));
        assert_eq!(asked("POST /metrics HTTP/1.1\r\n\r\n"), Some(Asked::OtherMethod));
        for nonsense in ["\r\n\r\n", "GET /metrics\r\n\r\n", "GET /metrics HTTP/2\r\n\r\n", "GET  /metrics HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\n\n"]
        {
            assert_eq!(asked(nonsense), Some(Asked::Nonsense), "{nonsense:?}");
        }
        assert_eq!(Asked::read(&vec![b'x'; HEAD_MAX]), Some(Asked::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_asked_for_more_or_answered(head in proptest::collection::vec(any::<u8>(), 0..300)) {
            let asked = Asked::read(&head);
            prop_assert!(asked != Some(Asked::TooLong));
        }
    }

    fn answer(request: &[u8], body: Result<String, Error>) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
            theirs.write_all(request).await.unwrap();
            theirs.shutdown().await.unwrap();
            converse(&mut ours, Arc::new(move || body.clone())).await.unwrap();
            drop(ours);
            let mut text = String::new();
            theirs.read_to_string(&mut text).await.unwrap();
            text
        })
    }

    #[test]
    fn answers_have_their_length_and_type() {
        let metrics = answer(b"GET /metrics HTTP/1.1\r\n\r\n", Ok("# EOF\n".into()));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\nContent-Length: 6\r\nConnection: close\r\n\r\n";
        assert_eq!(metrics, format!("{head}# EOF\n"));
        let failed = answer(b"GET /metrics HTTP/1.1\r\n\r\n", Err(Error::new(Kind::Failed, "the kernel is tired")));
        assert!(failed.starts_with("HTTP/1.1 500 ") && failed.ends_with("the kernel is tired\n"), "{failed}");
        assert!(answer(b"PUT /metrics HTTP/1.1\r\n\r\n", Ok(String::new())).contains("\r\nAllow: GET\r\n"));
        assert!(answer(b"GET /met", Ok(String::new())).starts_with("HTTP/1.1 400 "));
        assert!(answer(&[b'x'; HEAD_MAX + 5], Ok(String::new())).starts_with("HTTP/1.1 431 "));
        assert_eq!(answer(b"", Ok(String::new())), "");
    }
}
