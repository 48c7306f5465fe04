//! Setting an overlord up: everything the original's constructor took and checked, and what came since.
//!
//! Checks that need nobody's answer come first, so that a mistake is told before anything is asked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use overlord_clearinghouse::{ApiKey, ApiKeyFormatError};
use overlord_engine::{
    CheckedProgram, Deployment, DeploymentRequest, Hooks, Journal, MemoryJournal, OnStart, OnStop,
    PROGRAM_BYTES_MAX, Policy, ProgramFileError,
};
use overlord_types::{Platform, VesselType};
use tracing::Level;

use crate::connection::{ConnectionSettings, Prepared};
use crate::error::SetupError;
use crate::log::{LogTarget, RunLog};
use crate::overlord::Overlord;
use crate::stop::{STOP_FILE_DEFAULT, StopHandle, StopSources};

/// How many copies run unless said otherwise: what an account without donations may hold.
pub const COUNT_DEFAULT: u32 = overlord_types::VESSELS_WITHOUT_DONATION;
/// The engine drops a call at the policy's deadline; the client gives up this much earlier and says why.
const DEADLINE_LEAD: Duration = Duration::from_secs(1);

/// Where the program comes from.
#[derive(Clone)]
enum ProgramSource {
    File(PathBuf),
    Bytes(String, Bytes),
    Checked(CheckedProgram),
}

impl fmt::Debug for ProgramSource {
    /// Without the bytes, which may be many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Bytes(name, contents) => write!(f, "{name}, {} bytes", contents.len()),
            Self::Checked(program) => fmt::Debug::fmt(program, f),
        }
    }
}

/// Sets an [`Overlord`] up; [`Overlord::builder`] begins.
#[derive(Clone)]
#[must_use]
pub struct OverlordBuilder {
    user: String,
    keys_dir: Option<PathBuf>,
    clearinghouse: Option<String>,
    ca_file: Option<PathBuf>,
    danger_accept_invalid_certs: bool,
    api_key: Option<Result<ApiKey, ApiKeyFormatError>>,
    count: u32,
    vessel_type: VesselType,
    program: Option<ProgramSource>,
    platform: Option<Platform>,
    policy: Policy,
    stop_file: Option<PathBuf>,
    signals: bool,
    log: LogTarget,
    log_level: Level,
    journal: Option<Arc<dyn Journal>>,
}

impl fmt::Debug for OverlordBuilder {
    /// Without the URL: nobody has looked yet whether there is a password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverlordBuilder")
            .field("user", &self.user)
            .field("count", &self.count)
            .field("vessel_type", &self.vessel_type)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl OverlordBuilder {
    pub(crate) fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            keys_dir: None,
            clearinghouse: None,
            ca_file: None,
            danger_accept_invalid_certs: false,
            api_key: None,
            count: COUNT_DEFAULT,
            vessel_type: VesselType::Wan,
            program: None,
            platform: None,
            policy: Policy::default(),
            stop_file: Some(PathBuf::from(STOP_FILE_DEFAULT)),
            signals: false,
            log: LogTarget::Inherited,
            log_level: Level::INFO,
            journal: None,
        }
    }

    /// The folder of `USER.publickey` and `USER.privatekey`. Default: the current one.
    pub fn keys_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.keys_dir = Some(folder.into());
        self
    }

    /// The clearinghouse's URL. Default: [`crate::CLEARINGHOUSE_DEFAULT`].
    pub fn clearinghouse(mut self, url: impl AsRef<str>) -> Self {
        self.clearinghouse = Some(url.as_ref().to_owned());
        self
    }

    /// A PEM file of roots (the original's `cacert.pem`). Default: the system's roots.
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// Trusts any server: anybody who listens in between gets the API key.
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.danger_accept_invalid_certs = accept;
        self
    }

    /// The account's API key. Default: it is fetched with the private key.
    pub fn api_key(mut self, key: &str) -> Self {
        self.api_key = Some(ApiKey::new(key));
        self
    }

    /// How many copies. Default: [`COUNT_DEFAULT`].
    pub fn count(mut self, copies: u32) -> Self {
        self.count = copies;
        self
    }

    /// On which machines. Default: [`VesselType::Wan`].
    pub fn vessel_type(mut self, vessel_type: VesselType) -> Self {
        self.vessel_type = vessel_type;
        self
    }

    /// The program's file, read once, by [`OverlordBuilder::build`]. Without a program, the init-vessels hook must be
    /// replaced by one that brings its own.
    pub fn program(mut self, file: impl Into<PathBuf>) -> Self {
        self.program = Some(ProgramSource::File(file.into()));
        self
    }

    /// The program's bytes, and its name on the vessels.
    pub fn program_bytes(mut self, name: &str, contents: impl Into<Bytes>) -> Self {
        self.program = Some(ProgramSource::Bytes(name.to_owned(), contents.into()));
        self
    }

    /// A program that was read and checked before: these bytes are deployed, on this platform.
    pub fn checked_program(mut self, program: CheckedProgram) -> Self {
        self.program = Some(ProgramSource::Checked(program));
        self
    }

    /// What runs a program that is not checked yet. Default: by the ending of its name, see [`Platform::of_program`].
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// How the deployment is kept running: periods, deadlines, bounds.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How often each node is asked for its vessels.
    pub fn poll_period(mut self, period: Duration) -> Self {
        self.policy.suspect_period = self.policy.suspect_period.min(period);
        self.policy.poll_period = period;
        self
    }

    /// How often leases are renewed at least.
    pub fn renew_period(mut self, period: Duration) -> Self {
        self.policy.renew_period = period;
        self
    }

    /// What becomes of vessels that the account holds already.
    pub fn on_start(mut self, what: OnStart) -> Self {
        self.policy.on_start = what;
        self
    }

    /// What becomes of ours at the end.
    pub fn on_stop(mut self, what: OnStop) -> Self {
        self.policy.on_stop = what;
        self
    }

    /// The file whose appearance ends a run. Default: [`STOP_FILE_DEFAULT`] in the current folder.
    ///
    /// It is never removed: who made it is obeyed until they take it away. (The original removed one that
    /// was there before it started, and with it a request to stop.)
    pub fn stop_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.stop_file = Some(file.into());
        self
    }

    /// No file ends a run.
    pub fn without_stop_file(mut self) -> Self {
        self.stop_file = None;
        self
    }

    /// Whether SIGTERM and Ctrl-C end a run in an orderly way, and at once when they come a second time. Default: no,
    /// signals are left to the program. Once a run listened to them, they no longer end the process by themselves.
    pub fn signals(mut self, listen: bool) -> Self {
        self.signals = listen;
        self
    }

    /// Logs to this file, which is appended to. Together with [`OverlordBuilder::log_to_console`]: to both.
    pub fn log_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.log = match self.log {
            LogTarget::Console | LogTarget::ConsoleAndFile(_) => {
                LogTarget::ConsoleAndFile(file.into())
            }
            _ => LogTarget::File(file.into()),
        };
        self
    }

    /// Logs to the console (standard error).
    pub fn log_to_console(mut self) -> Self {
        self.log = match self.log {
            LogTarget::File(file) | LogTarget::ConsoleAndFile(file) => {
                LogTarget::ConsoleAndFile(file)
            }
            _ => LogTarget::Console,
        };
        self
    }

    /// Where the log goes, in one value. Default: to the embedding program's own subscriber.
    pub fn log(mut self, target: LogTarget) -> Self {
        self.log = target;
        self
    }

    /// The least level that is logged. Default: `INFO`, one line for each change.
    pub fn log_level(mut self, least: Level) -> Self {
        self.log_level = least;
        self
    }

    /// Where intents and outcomes are kept. Default: in memory, for this process only.
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Checks all of it, then connects: fetches the API key, reads user port and credit.
    ///
    /// # Errors
    /// The first thing that the operator has to change, or that the clearinghouse does not answer.
    pub async fn build(self) -> Result<Overlord, SetupError> {
        let user = self.user.parse()?;
        let program = match self.program {
            Some(ProgramSource::File(path)) => Some(read_program(&path, self.platform)?),
            Some(ProgramSource::Bytes(name, contents)) => {
                let checked = CheckedProgram::new(&name, contents, self.platform);
                Some(checked.map_err(refused(Path::new(&name)))?)
            }
            Some(ProgramSource::Checked(program)) => Some(program),
            None => None,
        };
        let request = DeploymentRequest::new(self.count, self.vessel_type, program)?;
        let policy = self.policy.checked()?;
        let mut settings = ConnectionSettings::new(user);
        settings.api_key = self.api_key.transpose()?;
        settings.keys_dir = self.keys_dir.unwrap_or(settings.keys_dir);
        settings.clearinghouse = self.clearinghouse.unwrap_or(settings.clearinghouse);
        settings.ca_file = self.ca_file;
        settings.danger_accept_invalid_certs = self.danger_accept_invalid_certs;
        let deadline = policy.clearinghouse_deadline;
        settings.timeout = deadline.saturating_sub(DEADLINE_LEAD).max(deadline / 2);
        let prepared = Prepared::new(settings)?;
        let log = RunLog::open(&self.log, self.log_level)?;
        if let Some(path) = self.stop_file.as_ref().filter(|path| path.exists()) {
            return Err(SetupError::StopFilePresent { path: path.clone() });
        }

        let connection = tracing::instrument::WithSubscriber::with_subscriber(
            prepared.connect(),
            log.dispatch(),
        )
        .await?;
        let account = connection.engine_account();
        let deployment = Deployment::new(request, &account)?;
        let journal = self
            .journal
            .unwrap_or_else(|| Arc::new(MemoryJournal::default()));
        let ports = connection.ports(journal)?;
        Ok(Overlord::assemble(
            deployment,
            policy,
            Hooks::default(),
            ports,
            connection,
            log,
            StopSources {
                handle: StopHandle::new(),
                file: self.stop_file,
                signals: self.signals,
            },
        ))
    }
}

impl Overlord {
    /// Begins to set an overlord up for that user; everything else has a default.
    pub fn builder(user: &str) -> OverlordBuilder {
        OverlordBuilder::new(user)
    }

    /// The original's constructor: user name, number, type, program and, if not to the console, log file. Keys
    /// are taken from the current folder, the clearinghouse is the original's.
    ///
    /// # Errors
    /// As [`OverlordBuilder::build`].
    pub async fn new(
        user: &str,
        count: u32,
        vessel_type: VesselType,
        program: impl Into<PathBuf>,
        log_file: Option<PathBuf>,
    ) -> Result<Self, SetupError> {
        let builder = Self::builder(user)
            .count(count)
            .vessel_type(vessel_type)
            .program(program);
        match log_file {
            Some(file) => builder.log_file(file),
            None => builder.log_to_console(),
        }
        .build()
        .await
    }
}

/// Reads a program from its file; the platform is taken from the name's ending unless given.
///
/// # Errors
/// When it cannot be read, is too large, or has a name that nodes refuse.
pub fn read_program(path: &Path, platform: Option<Platform>) -> Result<CheckedProgram, SetupError> {
    let mut file =
        overlord_files::read(path, PROGRAM_BYTES_MAX).map_err(|error| match error.kind() {
            std::io::ErrorKind::FileTooLarge => refused(path)(ProgramFileError::TooLarge {
                max: PROGRAM_BYTES_MAX,
            }),
            _ => SetupError::Program {
                path: path.to_owned(),
                source: error,
            },
        })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A program is no secret: taken out, it is neither copied nor wiped.
    let contents = std::mem::take(&mut *file.bytes);
    CheckedProgram::new(&name, contents, platform).map_err(refused(path))
}

fn refused(path: &Path) -> impl Fn(ProgramFileError) -> SetupError {
    move |source| SetupError::ProgramRefused {
        path: path.to_owned(),
        source,
    }
}
