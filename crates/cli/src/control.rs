//! How a running testbed is told to misbehave: one line of JSON each way over a Unix socket in its directory.
//!
//! The socket lies in a directory that only its owner can enter; nobody else can use it. What a request
//! means is the testbed command's business ([`crate::commands::testbed`]).

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

/// The socket's name in the testbed's directory.
const SOCKET_NAME: &str = "control.socket";
/// Most bytes of a line: a handle is some thousand, a testbed's description some hundred per node.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Longest wait for the other side; restarting a node takes well below a second.
const EXCHANGE_MAX: Duration = Duration::from_secs(30);

/// Whose fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Whose {
    /// The node of this number.
    Node(usize),
    /// The clearinghouse.
    Clearinghouse,
    /// The vessel of this handle.
    Vessel(String),
}

/// What a running testbed is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// What it consists of.
    Show,
    /// To misbehave, or to behave again.
    Fault {
        /// Who.
        whose: Whose,
        /// How, as one or two words.
        fault: Vec<String>,
    },
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub(crate) enum Reply<T> {
    /// Done, or the description asked for.
    Done {
        /// In words.
        text: String,
        /// What there is, if that was asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        testbed: Option<T>,
    },
    /// Not done.
    Refused {
        /// Why not.
        problem: String,
    },
}

/// Where a testbed's socket is.
pub(crate) fn socket_path(directory: &Path) -> PathBuf {
    directory.join(SOCKET_NAME)
}

/// Opens the socket of a testbed that starts; one that a crashed testbed left behind is replaced.
///
/// # Errors
/// The socket of a testbed that runs, or a directory in which there can be none.
pub(crate) async fn listen(directory: &Path) -> Result<UnixListener, Failure> {
    let path = socket_path(directory);
    if UnixStream::connect(&path).await.is_ok() {
        return Err(Failure::new(
            ExitMeaning::CannotCreate,
            format!("a testbed runs in {} already", directory.display()),
        )
        .advise("use it, end it, or choose another directory with --dir"));
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => UnixListener::bind(&path),
    }
    .map_err(|error| {
        let message = format!("cannot make the control socket {}: {error}", path.display());
        Failure::new(ExitMeaning::CannotCreate, message)
            .advise("choose a directory that you may write to, with a path below 100 characters")
    })
}

/// Takes one request from a connection, and hands it to `answer`.
///
/// # Errors
/// Whatever the other side does wrong; the testbed lives on.
pub(crate) async fn serve<T, R>(
    stream: UnixStream,
    answer: impl FnOnce(Request) -> R,
) -> io::Result<()>
where
    T: Serialize,
    R: Future<Output = Reply<T>>,
{
    let mut stream = BufReader::new(stream);
    let request = tokio::time::timeout(EXCHANGE_MAX, read_line(&mut stream)).await??;
    let reply = answer(request).await;
    write_line(stream.get_mut(), &reply).await
}

/// Asks the testbed that runs in a directory.
///
/// # Errors
/// No testbed there, or one that refuses.
pub(crate) async fn ask<T: DeserializeOwned>(
    directory: &Path,
    request: &Request,
) -> Result<(String, Option<T>), Failure> {
    let exchange = async {
        let mut stream = BufReader::new(UnixStream::connect(socket_path(directory)).await?);
        write_line(stream.get_mut(), request).await?;
        read_line::<Reply<T>>(&mut stream).await
    };
    let reply = match tokio::time::timeout(EXCHANGE_MAX, exchange).await {
        Ok(reply) => reply,
        Err(_) => Err(io::Error::other("it does not answer")),
    };
    match reply {
        Ok(Reply::Done { text, testbed }) => Ok((text, testbed)),
        Ok(Reply::Refused { problem }) => Err(Failure::usage(problem)
            .advise("overlord testbed show prints what there is; overlord testbed fault --help lists the faults")),
        Err(error) => Err(Failure::new(
            ExitMeaning::Unavailable,
            format!("no testbed answers in {}: {error}", directory.display()),
        )
        .advise("start one with: overlord testbed up --dir DIR; or name its directory with --dir")),
    }
}

async fn read_line<T: DeserializeOwned>(stream: &mut BufReader<UnixStream>) -> io::Result<T> {
    let mut line = String::new();
    stream.take(LINE_BYTES_MAX).read_line(&mut line).await?;
    serde_json::from_str(&line).map_err(io::Error::other)
}

async fn write_line(stream: &mut UnixStream, content: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(content)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_gets_its_reply_and_a_dead_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let failure = ask::<String>(folder.path(), &Request::Show)
            .await
            .unwrap_err();
        assert_eq!(failure.meaning, ExitMeaning::Unavailable);
        drop(listen(folder.path()).await.unwrap());
        let listener = listen(folder.path()).await.unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let reply = |request| async move {
                    match request {
                        Request::Show => Reply::Done {
                            text: "here".to_owned(),
                            testbed: Some("ten nodes".to_owned()),
                        },
                        Request::Fault { .. } => Reply::Refused {
                            problem: "no such node".to_owned(),
                        },
                    }
                };
                // A connection that only looks whether somebody listens sends nothing.
                let _ = serve(stream, reply).await;
            }
        });
        let shown = ask::<String>(folder.path(), &Request::Show).await.unwrap();
        assert_eq!(shown, ("here".to_owned(), Some("ten nodes".to_owned())));
        let fault = Request::Fault {
            whose: Whose::Node(99),
            fault: vec!["kill".to_owned()],
        };
        let failure = ask::<String>(folder.path(), &fault).await.unwrap_err();
        assert_eq!(failure.error.to_string(), "no such node");
        assert!(
            listen(folder.path()).await.is_err(),
            "a running testbed is not pushed aside"
        );
    }
}
