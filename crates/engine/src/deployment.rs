//! What shall run, checked: the program, its arguments, how many copies on which machines, and for whose account.
//!
//! Each of these values is made by a successful check and by nothing else, so that nobody behind it asks again, and what
//! was checked is what is deployed. Reading files and judging the program's language is left to those who make them; how
//! the deployment is kept running is [`crate::Policy`].

use std::ops::Deref;

use bytes::Bytes;
use overlord_time::WallTime;
use overlord_types::{
    ArgumentError, FileName, Platform, ProgramArguments, UserName, UserPort, VesselType,
};

use crate::error::{ProgramFileError, SettingsError};
use crate::ports::{AccountSummary, ProgramFile};
use crate::provenance::DeploymentName;

/// Most vessels of one deployment: what one process can watch with one probe per node and poll.
pub const VESSELS_MAX: u32 = 10_000;
/// Largest program that is uploaded, in bytes. A vessel of the testbed has 20 MB of disk.
pub const PROGRAM_BYTES_MAX: u64 = 20_000_000;
/// The words that stand for something in arguments.
const WORDS: [&str; 3] = ["{port}", "{index}", "{time}"];

/// The program that every vessel is to run: a name and a size that nodes take, and what runs it. Cheap to clone.
///
/// The bytes are those that were checked, wherever they came from: a file that changes afterwards changes nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedProgram {
    file: ProgramFile,
    platform: Platform,
}

impl CheckedProgram {
    /// Checks name and size. Without a platform, the name's ending tells it, see [`Platform::of_program`].
    ///
    /// # Errors
    /// When nodes refuse a file of that name, or it has more than [`PROGRAM_BYTES_MAX`] bytes.
    pub fn new(
        name: &str,
        contents: impl Into<Bytes>,
        platform: Option<Platform>,
    ) -> Result<Self, ProgramFileError> {
        let contents = contents.into();
        if contents.len() as u64 > PROGRAM_BYTES_MAX {
            return Err(ProgramFileError::TooLarge {
                max: PROGRAM_BYTES_MAX,
            });
        }
        let platform = platform.unwrap_or_else(|| Platform::of_program(name));
        let name = name.parse()?;
        Ok(Self {
            file: ProgramFile { name, contents },
            platform,
        })
    }

    /// The file that is uploaded and started.
    #[must_use]
    pub fn file(&self) -> &ProgramFile {
        &self.file
    }

    /// Its name on the vessel.
    #[must_use]
    pub fn name(&self) -> &FileName {
        &self.file.name
    }

    /// Its bytes.
    #[must_use]
    pub fn contents(&self) -> &[u8] {
        &self.file.contents
    }

    /// What runs it on the vessel.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.platform
    }
}

/// What the words in braces stand for.
struct Filling {
    port: String,
    index: String,
    time: String,
}

impl Filling {
    fn new(port: UserPort, index: u32, now: WallTime) -> Self {
        Self {
            port: port.to_string(),
            index: index.to_string(),
            time: (now.unix_millis() / 1000).to_string(),
        }
    }

    /// Longer than any that comes to pass.
    fn longest() -> Self {
        Self {
            port: u16::MAX.to_string(),
            index: VESSELS_MAX.to_string(),
            time: (u64::MAX / 1000).to_string(),
        }
    }

    fn fill(&self, arguments: &[String]) -> Result<ProgramArguments, ArgumentError> {
        let fill = |text: &String| {
            text.replace("{port}", &self.port)
                .replace("{index}", &self.index)
                .replace("{time}", &self.time)
        };
        ProgramArguments::new(arguments.iter().map(fill).collect())
    }
}

/// The arguments of one copy, from texts that nobody has checked, such as a hook's. Words in braces that stand for nothing
/// are left, and then refused as a character that nodes do not take.
///
/// # Errors
/// When what comes out is not accepted by nodes.
pub(crate) fn fill(
    arguments: &[String],
    port: UserPort,
    index: u32,
    now: WallTime,
) -> Result<ProgramArguments, ArgumentError> {
    Filling::new(port, index, now).fill(arguments)
}

/// Arguments of the program, in which `{port}`, `{index}` and `{time}` stand for the user port, the copy's number and
/// the seconds since 1970 when the copy is started (again): programs in vessels have no calendar of their own.
///
/// Nodes accept them, whatever the words come to stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArgumentsTemplate(Vec<String>);

impl ArgumentsTemplate {
    /// Checks the texts with the longest port, number and time in place of the words.
    ///
    /// # Errors
    /// [`SettingsError::UnknownTemplate`] for a word in braces that stands for nothing, and
    /// [`SettingsError::Arguments`] for what nodes do not accept.
    pub fn new(arguments: Vec<String>) -> Result<Self, SettingsError> {
        if let Some(error) = unknown_word(&arguments) {
            return Err(error);
        }
        let longest = Filling::longest().fill(&arguments);
        longest.map_err(SettingsError::Arguments)?;
        Ok(Self(arguments))
    }

    /// The arguments as given.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The arguments for one copy.
    ///
    /// # Errors
    /// When what comes out is not accepted by nodes, which it is for every index up to [`VESSELS_MAX`].
    pub fn resolve(
        &self,
        port: UserPort,
        index: u32,
        now: WallTime,
    ) -> Result<ProgramArguments, ArgumentError> {
        fill(&self.0, port, index, now)
    }
}

/// The first word in braces that stands for nothing.
fn unknown_word(arguments: &[String]) -> Option<SettingsError> {
    arguments.iter().find_map(|template| {
        let rest = WORDS
            .iter()
            .fold(template.clone(), |rest, word| rest.replace(word, ""));
        let (_, after) = rest.split_once('{')?;
        let (word, _) = after.split_once('}')?;
        Some(SettingsError::UnknownTemplate {
            template: template.clone(),
            word: word.to_owned(),
        })
    })
}

/// What is wanted, checked as far as no account is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRequest {
    vessel_count: u32,
    vessel_type: VesselType,
    program: Option<CheckedProgram>,
    arguments: ArgumentsTemplate,
}

impl DeploymentRequest {
    /// So many copies on machines of that type, of that program; of none when a replaced init-vessels hook brings its own.
    ///
    /// # Errors
    /// When no copy is wanted, or more than [`VESSELS_MAX`].
    pub fn new(
        vessel_count: u32,
        vessel_type: VesselType,
        program: Option<CheckedProgram>,
    ) -> Result<Self, SettingsError> {
        match vessel_count {
            0 => Err(SettingsError::NoVessels),
            1..=VESSELS_MAX => Ok(Self {
                vessel_count,
                vessel_type,
                program,
                arguments: ArgumentsTemplate::default(),
            }),
            wanted => Err(SettingsError::TooManyVessels {
                wanted,
                max: VESSELS_MAX,
            }),
        }
    }

    /// The same with arguments for the program.
    #[must_use]
    pub fn with_arguments(mut self, arguments: ArgumentsTemplate) -> Self {
        self.arguments = arguments;
        self
    }
}

/// What shall run, and how often: wanted, and allowed to the account.
///
/// It is read like the [`DeploymentTerms`] that it holds, and made by [`Deployment::new`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    terms: DeploymentTerms,
}

/// What a deployment consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeploymentTerms {
    /// Whose vessels they are.
    pub user_name: UserName,
    /// The port that the account may use on each vessel (the original's `geni_port`).
    pub user_port: UserPort,
    /// How many copies.
    pub vessel_count: u32,
    /// On which machines.
    pub vessel_type: VesselType,
    /// What each copy is; `None` when a replaced init-vessels hook brings its own.
    pub program: Option<CheckedProgram>,
    /// The program's arguments.
    pub arguments: ArgumentsTemplate,
}

impl Deref for Deployment {
    type Target = DeploymentTerms;

    fn deref(&self) -> &DeploymentTerms {
        &self.terms
    }
}

impl Deployment {
    /// Under which name the journal keeps it.
    #[must_use]
    pub fn name(&self) -> DeploymentName {
        match &self.program {
            Some(program) => DeploymentName::of_program(program.name()),
            None => DeploymentName::without_program(),
        }
    }

    /// Gives the account what is wanted, if it may hold as many vessels.
    ///
    /// # Errors
    /// [`SettingsError::OverCredit`] if it may not.
    pub fn new(
        request: DeploymentRequest,
        account: &AccountSummary,
    ) -> Result<Self, SettingsError> {
        if request.vessel_count > account.max_vessels {
            return Err(SettingsError::OverCredit {
                wanted: request.vessel_count,
                credit: account.max_vessels,
                user: account.user_name.clone(),
            });
        }
        Ok(Self {
            terms: DeploymentTerms {
                user_name: account.user_name.clone(),
                user_port: account.user_port,
                vessel_count: request.vessel_count,
                vessel_type: request.vessel_type,
                program: request.program,
                arguments: request.arguments,
            },
        })
    }

    /// The same with other arguments for the program.
    #[must_use]
    pub fn with_arguments(mut self, arguments: ArgumentsTemplate) -> Self {
        self.terms.arguments = arguments;
        self
    }

    /// The name of the program's file, if there is one (the original's `program_filename`).
    #[must_use]
    pub fn program_name(&self) -> Option<&str> {
        self.terms
            .program
            .as_ref()
            .map(|program| program.name().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord_types::{ARGUMENTS_LENGTH_MAX, FileNameError};

    fn port() -> UserPort {
        UserPort::try_from(63_100).unwrap()
    }

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn port_index_and_time_are_filled_in_wherever_they_stand() {
        let words = texts(&["{port}", "x{index}-{index}", "{time}", "plain"]);
        let template = ArgumentsTemplate::new(words).unwrap();
        let now = WallTime::from_unix_millis(1_700_000_000_999);
        let filled = template.resolve(port(), 7, now).unwrap();
        assert_eq!(filled.as_slice(), ["63100", "x7-7", "1700000000", "plain"]);
    }

    #[test]
    fn a_word_that_stands_for_nothing_is_named() {
        let error = ArgumentsTemplate::new(texts(&["{port}{when}"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"{port}{when}\" has {when}; known are {port}, {index} and {time}"
        );
    }

    #[test]
    fn arguments_that_were_checked_are_accepted_whatever_their_words_stand_for() {
        // As long as is taken with the longest words, and one more.
        let longest = Filling::longest();
        let filled = longest.port.len() + longest.index.len() + longest.time.len() + 1;
        let rest = "x".repeat(ARGUMENTS_LENGTH_MAX - filled);
        let words = format!("{{port}}{{index}}{{time}}{rest}");
        let template = ArgumentsTemplate::new(vec![words.clone()]).unwrap();
        let late = WallTime::from_unix_millis(u64::MAX);
        for (index, now) in [(0, late), (VESSELS_MAX, late)] {
            assert!(template.resolve(port(), index, now).is_ok());
        }
        let longer = ArgumentsTemplate::new(vec![words + "x"]);
        assert!(matches!(longer, Err(SettingsError::Arguments(_))));
        for refused in ["a b", "", "a|b"] {
            let template = ArgumentsTemplate::new(texts(&[refused]));
            assert!(matches!(template, Err(SettingsError::Arguments(_))));
        }
    }

    #[test]
    fn a_program_has_a_name_and_a_size_that_nodes_take() {
        let program = CheckedProgram::new("server.r2py", b"pass\n".as_slice(), None).unwrap();
        assert_eq!(program.platform(), Platform::RepyV2);
        assert_eq!(program.contents(), b"pass\n");
        let refused = CheckedProgram::new("Server", b"".as_slice(), None);
        assert!(matches!(
            refused,
            Err(ProgramFileError::Name(FileNameError::Character { .. }))
        ));
        let most = usize::try_from(PROGRAM_BYTES_MAX).unwrap();
        let large = vec![0; most + 1];
        let large = Bytes::from(large);
        let refused = CheckedProgram::new("p", large.clone(), None);
        assert!(matches!(refused, Err(ProgramFileError::TooLarge { .. })));
        assert!(CheckedProgram::new("p", large.slice(..most), None).is_ok());
    }

    #[test]
    fn a_deployment_needs_copies_and_an_account_that_may_hold_them() {
        let account = AccountSummary {
            user_name: "alice".parse().unwrap(),
            user_port: port(),
            max_vessels: 10,
        };
        let request = |copies| DeploymentRequest::new(copies, VesselType::Wan, None);
        assert_eq!(request(0), Err(SettingsError::NoVessels));
        assert!(matches!(
            request(VESSELS_MAX + 1),
            Err(SettingsError::TooManyVessels { .. })
        ));
        let deployment = Deployment::new(request(10).unwrap(), &account).unwrap();
        assert_eq!(
            (deployment.vessel_count, deployment.user_port),
            (10, port())
        );
        let over = Deployment::new(request(11).unwrap(), &account);
        assert!(matches!(
            over,
            Err(SettingsError::OverCredit { credit: 10, .. })
        ));
    }
}
