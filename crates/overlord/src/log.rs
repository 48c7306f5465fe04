//! Where a run's log goes: console, file or both, or wherever the embedding program's subscriber sends it.
//!
//! A log belongs to one overlord: two in one process have two logs (the original's shared one). A file is
//! appended to, never truncated (the original's began anew with each start). Who has moved it away asks for another at
//! its place by [`LogFileHandle::reopen`]. What is said is in `event_text`.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::error::SetupError;

/// Where a run's log goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogTarget {
    /// To the subscriber of the embedding program, if it has one.
    #[default]
    Inherited,
    /// To the console: standard error.
    Console,
    /// To this file.
    File(PathBuf),
    /// To this file and the console.
    ConsoleAndFile(PathBuf),
}

/// An open log; the run's future is given its subscriber.
#[derive(Debug, Clone)]
pub(crate) struct RunLog {
    dispatch: Option<Dispatch>,
    file: Option<LogFileHandle>,
}

/// A run's log file, for those who move it away, as `logrotate` does.
#[derive(Debug, Clone)]
pub struct LogFileHandle(Arc<LogFile>);

impl LogFileHandle {
    /// Opens the file of the log's path anew, and makes it if it is not there: what is said from here on is written there.
    ///
    /// # Errors
    /// When it cannot be opened; what is said then goes on into the file that was open before.
    pub fn reopen(&self) -> io::Result<()> {
        let file = opened(&self.0.path)?;
        *self.0.file() = file;
        self.0.told.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// The log's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl RunLog {
    /// Opens the log. The file is made if it is not there.
    pub(crate) fn open(target: &LogTarget, least: Level) -> Result<Self, SetupError> {
        let (console, file) = match target {
            LogTarget::Inherited => {
                return Ok(Self {
                    dispatch: None,
                    file: None,
                });
            }
            LogTarget::Console => (true, None),
            LogTarget::File(path) => (false, Some(open(path)?)),
            LogTarget::ConsoleAndFile(path) => (true, Some(open(path)?)),
        };
        let console = console.then(|| {
            tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(std::io::stderr().is_terminal())
                .with_writer(std::io::stderr)
        });
        let file = file.map(|file| LogFileHandle(Arc::new(file)));
        let writer = file.as_ref().map(|file| LogWriter(Arc::clone(&file.0)));
        let layer = writer.map(|writer| {
            tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(false)
                .with_writer(writer)
        });
        keep_company();
        let subscriber = tracing_subscriber::registry()
            .with(LevelFilter::from_level(least))
            .with(console)
            .with(layer);
        Ok(Self {
            dispatch: Some(Dispatch::new(subscriber)),
            file,
        })
    }

    /// The log's file, if it has one.
    pub(crate) fn file(&self) -> Option<LogFileHandle> {
        self.file.clone()
    }

    /// The subscriber for everything that belongs to this overlord.
    pub(crate) fn dispatch(&self) -> Dispatch {
        match &self.dispatch {
            Some(dispatch) => dispatch.clone(),
            None => tracing::dispatcher::get_default(Dispatch::clone),
        }
    }
}

/// Keeps a second subscriber alive that wants nothing.
///
/// As long as a process has one subscriber only, `tracing` asks just the current thread's whether anybody wants
/// a message, and remembers a no for good. A message that another thread sends first, outside of our run,
/// would then be missing from the run's log for ever.
fn keep_company() {
    static COMPANION: OnceLock<Dispatch> = OnceLock::new();
    COMPANION.get_or_init(|| Dispatch::new(tracing_subscriber::registry().with(LevelFilter::OFF)));
}

/// A log file, and whether it was told that it takes no lines: the first time only, since the next ones fare no better.
#[derive(Debug)]
struct LogFile {
    file: Mutex<File>,
    path: PathBuf,
    told: AtomicBool,
}

impl LogFile {
    fn file(&self) -> MutexGuard<'_, File> {
        // A panic while a line was written leaves an open file that is as good as before.
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The warning that a line was lost, the first time.
    fn warning(&self, error: &io::Error) -> Option<String> {
        let first = !self.told.swap(true, Ordering::Relaxed);
        first.then(|| {
            let path = self.path.display();
            format!("warning: the log file {path} cannot be written, and lacks lines from here on: {error}; make room there, or name another")
        })
    }
}

/// What writes a log's lines.
struct LogWriter(Arc<LogFile>);

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = &'a LogFile;

    fn make_writer(&'a self) -> Self::Writer {
        &self.0
    }
}

impl io::Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.file().write(line);
        // A write that is interrupted is tried again.
        let failed = written.as_ref().err();
        let failed = failed.filter(|error| error.kind() != io::ErrorKind::Interrupted);
        if let Some(warning) = failed.and_then(|error| self.warning(error)) {
            // Standard error is the last place to say so; if nobody listens there, nobody can be told.
            let _ = writeln!(io::stderr().lock(), "{warning}");
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn open(path: &Path) -> Result<LogFile, SetupError> {
    let file = opened(path).map_err(|source| SetupError::LogFile {
        path: path.to_owned(),
        source,
    })?;
    Ok(LogFile {
        file: Mutex::new(file),
        path: path.to_owned(),
        told: AtomicBool::new(false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord_types::failure::{Blame, Classified as _};

    #[test]
    fn a_log_file_is_appended_to_and_two_logs_do_not_mix() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("one.log"), "from before\n").unwrap();
        for round in ["first", "second"] {
            let one = RunLog::open(&LogTarget::File(path("one.log")), Level::INFO).unwrap();
            let two = RunLog::open(&LogTarget::File(path("two.log")), Level::INFO).unwrap();
            tracing::dispatcher::with_default(&one.dispatch(), || {
                tracing::info!("{round} for one");
                tracing::debug!("too small");
                tracing::dispatcher::with_default(&two.dispatch(), || {
                    tracing::warn!("{round} for two");
                });
            });
        }
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        let (one, two) = (read("one.log"), read("two.log"));
        assert!(one.starts_with("from before\n"), "{one}");
        assert_eq!(one.lines().count(), 3, "{one}");
        assert!(one.contains("first for one") && one.contains("second for one"));
        assert!(
            two.contains("first for two") && !two.contains("for one"),
            "{two}"
        );
    }

    #[test]
    fn a_log_that_was_moved_away_goes_on_at_its_place_once_it_is_reopened() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (
            folder.path().join("run.log"),
            folder.path().join("run.log.1"),
        );
        let log = RunLog::open(&LogTarget::File(path.clone()), Level::INFO).unwrap();
        let say =
            |what| tracing::dispatcher::with_default(&log.dispatch(), || tracing::info!("{what}"));
        say("before");
        std::fs::hard_link(&path, &moved).unwrap();
        std::fs::remove_file(&path).unwrap();
        say("between");
        let handle = log.file().unwrap();
        handle.reopen().unwrap();
        say("after");
        let read = |path| std::fs::read_to_string(path).unwrap();
        let (old, new) = (read(&moved), read(&path));
        assert!(
            old.contains("before") && old.contains("between") && !old.contains("after"),
            "{old}"
        );
        assert!(new.contains("after") && !new.contains("between"), "{new}");
        // A place where no file can be made leaves the one that is open.
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(handle.reopen().is_err());
        say("nevertheless");
    }

    #[test]
    fn a_message_that_was_first_sent_elsewhere_is_not_lost() {
        fn message() {
            tracing::info!("said in two places");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let log = RunLog::open(&LogTarget::File(path.clone()), Level::INFO).unwrap();
        std::thread::spawn(message).join().unwrap();
        tracing::dispatcher::with_default(&log.dispatch(), message);
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.matches("said in two places").count(), 1, "{text}");
    }

    #[test]
    fn a_log_file_that_takes_no_lines_is_told_once() {
        let file = open(Path::new("/dev/full")).unwrap();
        assert!(io::Write::write(&mut &file, b"a line\n").is_err());
        assert!(file.told.load(Ordering::Relaxed), "it was not told");
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(file.warning(&full), None, "it was told before");
        file.told.store(false, Ordering::Relaxed);
        assert!(file.warning(&full).unwrap().contains("/dev/full"));
    }

    #[test]
    fn a_log_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none").join("run.log");
        let error = RunLog::open(&LogTarget::File(path.clone()), Level::INFO).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()));
        assert_eq!(error.blame(), Blame::LocalMachine);
    }
}
