//! How a running testbed is told to misbehave: one line of JSON each way over a Unix socket in its directory.
//!
//! The socket lies in a folder of its own that only its owner can enter, and is its owner's alone besides; nobody
//! else can use it. What a request means is the testbed command's business ([`crate::commands::testbed`]).

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

/// The socket's folder in the testbed's directory …
const SOCKET_FOLDER: &str = "control";
/// … and its name there.
const SOCKET_NAME: &str = "socket";
/// Most bytes of a request: a handle is some thousand.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;
/// Most bytes of a reply: the largest testbed describes itself in about one mebibyte.
const REPLY_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Longest wait for the other side; restarting a node takes well below a second.
const EXCHANGE_MAX: Duration = Duration::from_secs(30);

/// Why a line did not come over the socket.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    /// Nobody listens, or the connection broke.
    #[error("no testbed answers")]
    Unreachable(#[source] io::Error),
    /// The socket is its owner's alone.
    #[error("it belongs to another user")]
    Forbidden(#[source] io::Error),
    /// Nothing came in time.
    #[error("the testbed took the question and did not answer within {} s", EXCHANGE_MAX.as_secs())]
    Silent,
    /// The connection ended within the line.
    #[error("the connection ended in the midst of a line")]
    Cut,
    /// More than one line ever has.
    #[error("the line is longer than {0} bytes")]
    TooLong(u64),
    /// Not what the two sides say to each other.
    #[error("the line is not understood")]
    Malformed(#[from] serde_json::Error),
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Forbidden(error),
            _ => Self::Unreachable(error),
        }
    }
}

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
    directory.join(SOCKET_FOLDER).join(SOCKET_NAME)
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
    bind(&directory.join(SOCKET_FOLDER), &path).map_err(|error| {
        let message = format!("cannot make the control socket {}: {error}", path.display());
        Failure::new(ExitMeaning::CannotCreate, message)
            .advise("choose a directory that you may write to, with a path below 90 characters")
    })
}

fn bind(folder: &Path, path: &Path) -> io::Result<UnixListener> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder)?;
    // It may be there from an earlier start, with whatever permissions it has come to.
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes one request from a connection, and hands it to `answer`.
///
/// # Errors
/// Whatever the other side does wrong; the testbed lives on.
pub(crate) async fn serve<T, R>(
    stream: UnixStream,
    answer: impl FnOnce(Request) -> R,
) -> Result<(), ExchangeError>
where
    T: Serialize,
    R: Future<Output = Reply<T>>,
{
    let mut stream = BufReader::new(stream);
    let request = read_line(&mut stream, REQUEST_BYTES_MAX);
    let request = tokio::time::timeout(EXCHANGE_MAX, request).await;
    let request = request.map_err(|_| ExchangeError::Silent)??;
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
        read_line::<Reply<T>>(&mut stream, REPLY_BYTES_MAX).await
    };
    let reply = tokio::time::timeout(EXCHANGE_MAX, exchange).await;
    match reply.unwrap_or(Err(ExchangeError::Silent)) {
        Ok(Reply::Done { text, testbed }) => Ok((text, testbed)),
        Ok(Reply::Refused { problem }) => Err(Failure::usage(problem)
            .advise("overlord testbed show prints what there is; overlord testbed fault --help lists the faults")),
        Err(error) => Err(no_reply(directory, error)),
    }
}

/// A testbed that did not answer as one does.
fn no_reply(directory: &Path, error: ExchangeError) -> Failure {
    let (meaning, advice) = match &error {
        ExchangeError::Forbidden(_) => (
            ExitMeaning::NotPermitted,
            "ask as the user who started it, or start one of your own in another directory with: overlord testbed up --dir DIR",
        ),
        ExchangeError::Unreachable(_) => (
            ExitMeaning::Unavailable,
            "start one with: overlord testbed up --dir DIR; or name its directory with --dir",
        ),
        ExchangeError::Silent | ExchangeError::Cut => (
            ExitMeaning::Unavailable,
            "try again; if that does not help, end the testbed and start it anew",
        ),
        ExchangeError::TooLong(_) | ExchangeError::Malformed(_) => (
            ExitMeaning::Protocol,
            "use the same version of overlord as the testbed runs",
        ),
    };
    let failed = NoReply {
        directory: directory.to_owned(),
        source: error,
    };
    Failure::new(meaning, failed).advise(advice)
}

/// The testbed of a directory did not answer.
#[derive(Debug, Error)]
#[error("the testbed in {} cannot be asked", directory.display())]
struct NoReply {
    directory: PathBuf,
    source: ExchangeError,
}

async fn read_line<T: DeserializeOwned>(
    stream: &mut BufReader<UnixStream>,
    most: u64,
) -> Result<T, ExchangeError> {
    let mut line = Vec::new();
    stream.take(most).read_until(b'\n', &mut line).await?;
    match line.last() {
        Some(b'\n') => Ok(serde_json::from_slice(&line)?),
        _ if line.len() as u64 >= most => Err(ExchangeError::TooLong(most)),
        _ => Err(ExchangeError::Cut),
    }
}

async fn write_line(
    stream: &mut UnixStream,
    content: &impl Serialize,
) -> Result<(), ExchangeError> {
    let mut line = serde_json::to_vec(content)?;
    line.push(b'\n');
    Ok(stream.write_all(&line).await?)
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

    #[test]
    fn a_testbed_of_another_user_is_told_as_such() {
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let failure = no_reply(Path::new("bed"), refused.into());
        assert_eq!(failure.meaning, ExitMeaning::NotPermitted);
        let text = failure.render();
        assert!(text.contains("belongs to another user"), "{text}");
    }

    #[tokio::test]
    async fn nobody_else_can_reach_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("bed");
        let place = directory.join(SOCKET_FOLDER);
        // Left from an earlier start, and open to all.
        std::fs::create_dir_all(&place).unwrap();
        std::fs::set_permissions(&place, Permissions::from_mode(0o777)).unwrap();
        let _listener = listen(&directory).await.unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&place), 0o700);
        assert_eq!(mode(&socket_path(&directory)), 0o600);
    }

    /// Answers whatever is asked with these bytes, and closes.
    async fn answer_with(directory: &Path, bytes: Vec<u8>) -> Failure {
        let listener = listen(directory).await.unwrap();
        let answering = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut request = String::new();
            stream.read_line(&mut request).await.unwrap();
            // The other side stops reading at its bound.
            let _ = stream.write_all(&bytes).await;
        });
        let failure = ask::<String>(directory, &Request::Show).await.unwrap_err();
        answering.await.unwrap();
        failure
    }

    #[tokio::test]
    async fn what_is_wrong_with_an_answer_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let endless = vec![b'x'; usize::try_from(REPLY_BYTES_MAX).unwrap() + 1];
        for (bytes, meaning, words) in [
            (endless, ExitMeaning::Protocol, "longer than 8388608 bytes"),
            (b"{\n".to_vec(), ExitMeaning::Protocol, "not understood"),
            (b"{".to_vec(), ExitMeaning::Unavailable, "in the midst"),
        ] {
            let failure = answer_with(folder.path(), bytes).await;
            assert_eq!(failure.meaning, meaning, "{}", failure.render());
            assert!(failure.render().contains(words), "{}", failure.render());
            assert!(failure.advice.is_some());
        }
    }
}
