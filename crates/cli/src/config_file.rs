//! The configuration file: where it is looked for, and what it may say.
//!
//! It is the lowest of three layers; flags and `OVERLORD_` variables come before it ([`crate::settings`]).
//! Unknown keys are refused, so that a misspelt one does not go unnoticed.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

/// Its name in the current directory.
pub(crate) const LOCAL_NAME: &str = "overlord.toml";
/// Its place under the user's configuration directory.
const USER_NAME: &str = "overlord/config.toml";
/// Most bytes of a configuration file; ours are a page at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the file may say at its top.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ConfigFile {
    /// As `--user`.
    pub(crate) user: Option<String>,
    /// As `--keys-dir`.
    pub(crate) keys_dir: Option<PathBuf>,
    /// As `--clearinghouse`.
    pub(crate) clearinghouse: Option<String>,
    /// As `--ca-file`.
    pub(crate) ca_file: Option<PathBuf>,
    /// As `--danger-accept-invalid-certs`.
    pub(crate) danger_accept_invalid_certs: Option<bool>,
    /// As `--api-key-file`.
    pub(crate) api_key_file: Option<PathBuf>,
    /// As `--output`.
    pub(crate) output: Option<String>,
    /// As `--color`.
    pub(crate) color: Option<String>,
    /// Settings of `overlord run`.
    pub(crate) run: RunSection,
    /// Where it was read from; relative paths in it count from there.
    #[serde(skip)]
    pub(crate) path: Option<PathBuf>,
}

/// What the file may say under `[run]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RunSection {
    /// As `--count`.
    pub(crate) count: Option<i64>,
    /// As `--type`.
    pub(crate) r#type: Option<String>,
    /// As `--platform`.
    pub(crate) platform: Option<String>,
    /// As `--on-start`.
    pub(crate) on_start: Option<String>,
    /// As `--on-stop`.
    pub(crate) on_stop: Option<String>,
    /// As `--poll-period`.
    pub(crate) poll_period: Option<String>,
    /// As `--renew-period`.
    pub(crate) renew_period: Option<String>,
    /// As `--log-file`.
    pub(crate) log_file: Option<PathBuf>,
    /// As `--stop-file`.
    pub(crate) stop_file: Option<PathBuf>,
    /// As `--run-for`.
    pub(crate) run_for: Option<String>,
    /// As `--probe-port`.
    pub(crate) probe_port: Option<i64>,
    /// As `--local-nodes`.
    pub(crate) local_nodes: Option<i64>,
    /// As `--local-dir`.
    pub(crate) local_dir: Option<PathBuf>,
    /// As `--local-latency`.
    pub(crate) local_latency: Option<String>,
}

impl ConfigFile {
    /// Reads the file that was named, or the first that is there of `./overlord.toml` and
    /// `overlord/config.toml` in the user's configuration directory. None of these is no mistake.
    ///
    /// # Errors
    /// A named file that is missing, one that cannot be read, or one with a mistake in it.
    pub(crate) fn load(
        named: Option<&Path>,
        user_directory: Option<&Path>,
    ) -> Result<Self, Failure> {
        if let Some(path) = named {
            let read = read(path)?;
            let missing = || {
                Failure::new(
                    ExitMeaning::NoInput,
                    format!("the configuration file {} does not exist", path.display()),
                )
                .advise("name another with --config, or leave --config and OVERLORD_CONFIG out")
            };
            return Self::parse(path, &read.ok_or_else(missing)?);
        }
        let places = [
            Some(PathBuf::from(LOCAL_NAME)),
            user_directory.map(|directory| directory.join(USER_NAME)),
        ];
        for path in places.into_iter().flatten() {
            if let Some(text) = read(&path)? {
                return Self::parse(&path, &text);
            }
        }
        Ok(Self::default())
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let parsed: Result<Self, _> = toml::from_str(text);
        match parsed {
            Ok(file) => Ok(Self {
                path: Some(path.to_owned()),
                ..file
            }),
            Err(error) => Err(Failure::new(
                ExitMeaning::Configuration,
                format!(
                    "{} has a mistake: {}",
                    path.display(),
                    error.to_string().trim_end()
                ),
            )
            .advise("docs/configuration.md lists what the file may say")),
        }
    }

    /// A path of the file, counted from the file's own directory.
    #[must_use]
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        match self.path.as_deref().and_then(Path::parent) {
            Some(directory) => directory.join(path),
            None => path.to_owned(),
        }
    }
}

/// The user's configuration directory, from the environment.
#[must_use]
pub(crate) fn user_directory(
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let named = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    named.filter(absolute).or_else(|| {
        let home = variable("HOME").map(PathBuf::from).filter(absolute)?;
        Some(home.join(".config"))
    })
}

/// Reads a file; `None` if it is not there.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    let text = overlord::files::read(path, FILE_BYTES_MAX).and_then(|file| {
        let text = std::str::from_utf8(&file.bytes).map_err(io::Error::other);
        text.map(str::to_owned)
    });
    match text {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(
            ExitMeaning::NoInput,
            format!(
                "cannot read the configuration file {}: {error}",
                path.display()
            ),
        )
        .advise("make it readable, or name another with --config")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_file_must_be_there_and_the_others_need_not() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent.toml");
        let failure = ConfigFile::load(Some(&absent), None).unwrap_err();
        assert_eq!(failure.meaning, ExitMeaning::NoInput);
        let file = ConfigFile::load(None, Some(folder.path())).unwrap();
        assert!(file.path.is_none() && file.user.is_none());
    }

    #[test]
    fn the_users_file_is_found_and_its_paths_count_from_its_directory() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("overlord")).unwrap();
        let text = "user = 'alice'\nkeys-dir = 'keys'\n[run]\ncount = 5\ntype = 'lan'\n";
        std::fs::write(folder.path().join(USER_NAME), text).unwrap();
        let file = ConfigFile::load(None, Some(folder.path())).unwrap();
        assert_eq!(file.user.as_deref(), Some("alice"));
        assert_eq!(file.run.count, Some(5));
        let keys = file.resolve(file.keys_dir.as_deref().unwrap());
        assert_eq!(keys, folder.path().join("overlord").join("keys"));
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "user = 'a'\n[run]\ncuont = 5\n").unwrap();
        let failure = ConfigFile::load(Some(&path), None).unwrap_err();
        assert_eq!(failure.meaning, ExitMeaning::Configuration);
        let text = failure.render();
        assert!(text.contains("line 3") && text.contains("cuont"), "{text}");
    }

    #[test]
    fn the_users_directory_follows_the_xdg_rules() {
        let directory = |xdg: Option<&str>, home: Option<&str>| {
            user_directory(|name| match name {
                "XDG_CONFIG_HOME" => xdg.map(Into::into),
                _ => home.map(Into::into),
            })
        };
        assert_eq!(directory(Some("/x"), Some("/h")), Some("/x".into()));
        assert_eq!(directory(Some("x"), Some("/h")), Some("/h/.config".into()));
        assert_eq!(directory(None, None), None);
    }
}
