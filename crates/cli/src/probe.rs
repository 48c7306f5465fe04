//! Asks copies for a line of text, as a user of the service would: connect, read one line, close.
//!
//! What the line means is the program's business; that it comes at all shows that the copy serves.

use std::time::Duration;

use overlord::types::{NodeLocation, UserPort};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::settings::Probe;
use crate::text::harmless;

/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: usize = 512;
/// Longest wait for one connection and its line.
const ATTEMPT_MAX: Duration = Duration::from_secs(2);
/// Pause between attempts: a program needs a moment from its start to its first answer.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(25);
/// How long a copy is asked before it counts as not answering.
pub(crate) const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// What one copy said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Its first line.
    Line(String),
    /// Why there is none.
    None(String),
}

impl Answer {
    /// Whether the copy serves.
    pub(crate) fn is_line(&self) -> bool {
        matches!(self, Self::Line(_))
    }

    /// The line, or why there is none, for a reader.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Line(line) => line.clone(),
            Self::None(reason) => format!("no answer: {reason}"),
        }
    }
}

impl Probe {
    /// The port to ask, if any.
    pub(crate) fn port(self, account_port: UserPort) -> Option<u16> {
        match self {
            Self::Never => None,
            Self::AccountPort => Some(account_port.number()),
            Self::Port(port) => Some(port),
        }
    }
}

/// Asks until a line comes or [`ANSWER_WAIT_MAX`] is over.
pub(crate) async fn until_answered(node: &NodeLocation, port: u16) -> Answer {
    let deadline = Instant::now() + ANSWER_WAIT_MAX;
    loop {
        let answer = ask(node.host(), port).await;
        if answer.is_line() || Instant::now() + ATTEMPT_PAUSE > deadline {
            return answer;
        }
        tokio::time::sleep(ATTEMPT_PAUSE).await;
    }
}

/// Asks once.
pub(crate) async fn ask(host: &str, port: u16) -> Answer {
    match tokio::time::timeout(ATTEMPT_MAX, first_line(host, port)).await {
        Ok(Ok(line)) => Answer::Line(line),
        Ok(Err(error)) => Answer::None(error.to_string()),
        Err(_) => Answer::None(format!("nothing within {} s", ATTEMPT_MAX.as_secs())),
    }
}

async fn first_line(host: &str, port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((host, port)).await?;
    let mut bytes = Vec::new();
    while bytes.len() < LINE_BYTES_MAX && !bytes.contains(&b'\n') {
        let mut part = [0; LINE_BYTES_MAX];
        let count = stream.read(&mut part).await?;
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    if bytes.is_empty() {
        return Err(std::io::Error::other(
            "the connection was closed without a word",
        ));
    }
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.get(..LINE_BYTES_MAX).unwrap_or(line);
    Ok(harmless(String::from_utf8_lossy(line).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    /// Serves one connection with these bytes and gives the port.
    async fn server(says: &'static [u8]) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(says).await.unwrap();
        });
        port
    }

    #[tokio::test]
    async fn the_first_line_is_read_and_made_harmless() {
        let port = server(b"hello \x1b[2J there\nsecond line\n").await;
        assert_eq!(
            ask("127.0.0.1", port).await,
            Answer::Line("hello ?[2J there".to_owned())
        );
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut() {
        let port = server(&[b'x'; 5000]).await;
        let Answer::Line(line) = ask("127.0.0.1", port).await else {
            panic!("no line")
        };
        assert_eq!(line.len(), LINE_BYTES_MAX);
    }

    #[tokio::test]
    async fn silence_and_refusal_are_told() {
        let port = server(b"").await;
        let answer = ask("127.0.0.1", port).await;
        assert!(answer.text().contains("without a word"), "{answer:?}");
        // Its one connection is over, so nobody listens there now.
        assert!(!ask("127.0.0.1", port).await.is_line());
    }
}
