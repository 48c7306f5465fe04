//! The control protocol of a running testbed: one line of JSON each way over a Unix socket in its directory.
//!
//! The socket lies in a folder of its own that only its owner can enter, and is its owner's alone besides; nobody
//! else can use it. What a request means is the daemon's business (`super`).

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use overlord_types::failure::{Classified, Code, is_out_of_files};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::description::TestbedDescription;
use super::fault::FaultTarget;

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
#[non_exhaustive]
pub enum ExchangeError {
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

impl Classified for ExchangeError {
    fn code(&self) -> Code {
        match self {
            Self::Unreachable(source) if is_out_of_files(source) => Code::OpenFilesExhausted,
            Self::Unreachable(_) => Code::TestbedAbsent,
            Self::Forbidden(_) => Code::TestbedForbidden,
            Self::Silent | Self::Cut => Code::TestbedSilent,
            Self::TooLong(_) | Self::Malformed(_) => Code::TestbedMalformed,
        }
    }
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Forbidden(error),
            _ => Self::Unreachable(error),
        }
    }
}

/// What a running testbed is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum ControlRequest {
    /// What it consists of.
    Show,
    /// To misbehave, or to behave again.
    Fault {
        /// Who.
        whose: FaultTarget,
        /// How, as one or two words.
        fault: Vec<String>,
    },
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub(super) enum ControlReply {
    /// Done, or the description asked for.
    Done {
        /// In words.
        text: String,
        /// What there is, if that was asked.
        #[serde(skip_serializing_if = "Option::is_none")]
        testbed: Option<Box<TestbedDescription>>,
    },
    /// Not done.
    Refused {
        /// Why not.
        problem: String,
    },
}

/// Why a testbed that starts gets no control socket.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlSocketError {
    /// One listens there.
    #[error("a testbed runs in {} already", .0.display())]
    InUse(PathBuf),
    /// The system does not let us.
    #[error("the control socket {} cannot be made; its path is below 90 characters, in a directory to write to", path.display())]
    Unusable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Classified for ControlSocketError {
    fn code(&self) -> Code {
        match self {
            Self::InUse(_) => Code::TestbedInUse,
            Self::Unusable { source, .. } if is_out_of_files(source) => Code::OpenFilesExhausted,
            Self::Unusable { .. } => Code::TestbedSocket,
        }
    }
}

/// Why a testbed did not do what it was asked over its socket.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// It answers, and refuses.
    #[error("{0}")]
    Refused(String),
    /// It did not answer as one does.
    #[error("the testbed in {} cannot be asked", directory.display())]
    NoReply {
        /// The testbed's directory.
        directory: PathBuf,
        /// What was there in place of a reply.
        source: ExchangeError,
    },
}

impl Classified for AskError {
    fn code(&self) -> Code {
        match self {
            Self::Refused(_) => Code::TestbedRequest,
            Self::NoReply { source, .. } => source.code(),
        }
    }
}

/// Where a testbed's socket is.
pub(super) fn socket_path(directory: &Path) -> PathBuf {
    directory.join(SOCKET_FOLDER).join(SOCKET_NAME)
}

/// Opens the socket of a testbed that starts; one that a crashed testbed left behind is replaced.
///
/// # Errors
/// The socket of a testbed that runs, or a directory in which there can be none.
pub(super) async fn listen(directory: &Path) -> Result<UnixListener, ControlSocketError> {
    let path = socket_path(directory);
    if UnixStream::connect(&path).await.is_ok() {
        return Err(ControlSocketError::InUse(directory.to_owned()));
    }
    bind(&directory.join(SOCKET_FOLDER), &path)
        .map_err(|source| ControlSocketError::Unusable { path, source })
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
pub(super) async fn serve<R>(
    stream: UnixStream,
    answer: impl FnOnce(ControlRequest) -> R,
) -> Result<(), ExchangeError>
where
    R: Future<Output = ControlReply>,
{
    let mut stream = BufReader::new(stream);
    let request = read_line(&mut stream, REQUEST_BYTES_MAX);
    let request = tokio::time::timeout(EXCHANGE_MAX, request).await;
    let request = request.map_err(|_| ExchangeError::Silent)??;
    let reply = answer(request).await;
    write_line(stream.get_mut(), &reply).await
}

/// Asks the testbed that runs in a directory: what was done in words, and the description if that was asked.
///
/// # Errors
/// No testbed there, or one that refuses.
pub async fn ask(
    directory: &Path,
    request: &ControlRequest,
) -> Result<(String, Option<Box<TestbedDescription>>), AskError> {
    let exchange = async {
        let mut stream = BufReader::new(UnixStream::connect(socket_path(directory)).await?);
        write_line(stream.get_mut(), request).await?;
        read_line::<ControlReply>(&mut stream, REPLY_BYTES_MAX).await
    };
    let reply = tokio::time::timeout(EXCHANGE_MAX, exchange).await;
    match reply.unwrap_or(Err(ExchangeError::Silent)) {
        Ok(ControlReply::Done { text, testbed }) => Ok((text, testbed)),
        Ok(ControlReply::Refused { problem }) => Err(AskError::Refused(problem)),
        Err(source) => Err(AskError::NoReply {
            directory: directory.to_owned(),
            source,
        }),
    }
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
        let failure = ask(folder.path(), &ControlRequest::Show).await;
        assert!(matches!(
            exchange_error(failure),
            ExchangeError::Unreachable(_)
        ));
        drop(listen(folder.path()).await.unwrap());
        let listener = listen(folder.path()).await.unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let reply = |request| async move {
                    match request {
                        ControlRequest::Show => ControlReply::Done {
                            text: "here".to_owned(),
                            testbed: None,
                        },
                        ControlRequest::Fault { .. } => ControlReply::Refused {
                            problem: "no such node".to_owned(),
                        },
                    }
                };
                // A connection that only looks whether somebody listens sends nothing.
                let _ = serve(stream, reply).await;
            }
        });
        let shown = ask(folder.path(), &ControlRequest::Show).await.unwrap();
        assert_eq!(shown, ("here".to_owned(), None));
        let fault = ControlRequest::Fault {
            whose: FaultTarget::Node(99),
            fault: vec!["kill".to_owned()],
        };
        let failure = ask(folder.path(), &fault).await.unwrap_err();
        assert!(matches!(failure, AskError::Refused(problem) if problem == "no such node"));
        assert!(
            listen(folder.path()).await.is_err(),
            "a running testbed is not pushed aside"
        );
    }

    /// What was there in place of a reply.
    fn exchange_error<T: std::fmt::Debug>(asked: Result<T, AskError>) -> ExchangeError {
        match asked.unwrap_err() {
            AskError::NoReply { source, .. } => source,
            AskError::Refused(problem) => panic!("refused: {problem}"),
        }
    }

    #[test]
    fn a_testbed_of_another_user_is_told_as_such() {
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = ExchangeError::from(refused);
        assert!(matches!(error, ExchangeError::Forbidden(_)));
        assert_eq!(error.to_string(), "it belongs to another user");
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
    async fn answer_with(directory: &Path, bytes: Vec<u8>) -> ExchangeError {
        let listener = listen(directory).await.unwrap();
        let answering = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut request = String::new();
            stream.read_line(&mut request).await.unwrap();
            // The other side stops reading at its bound.
            let _ = stream.write_all(&bytes).await;
        });
        let asked = ask(directory, &ControlRequest::Show).await;
        answering.await.unwrap();
        exchange_error(asked)
    }

    #[tokio::test]
    async fn what_is_wrong_with_an_answer_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let endless = vec![b'x'; usize::try_from(REPLY_BYTES_MAX).unwrap() + 1];
        let error = answer_with(folder.path(), endless).await;
        assert!(matches!(error, ExchangeError::TooLong(REPLY_BYTES_MAX)));
        let error = answer_with(folder.path(), b"{\n".to_vec()).await;
        assert!(matches!(error, ExchangeError::Malformed(_)));
        let error = answer_with(folder.path(), b"{".to_vec()).await;
        assert!(matches!(error, ExchangeError::Cut));
    }
}
