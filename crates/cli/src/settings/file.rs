//! The configuration file: where it is looked for, and what it may say.
//!
//! It is the lowest of three layers; flags and `OVERLORD_` variables come before it ([`super::layers`]). What may stand
//! in it is said by the table of settings; unknown keys are refused, so that a misspelt one does not go unnoticed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::{Given, Origin};
use super::row::{Form, Row, Section};
use super::table::ROWS;
use crate::failure::Failure;
use overlord::Code;

/// Its name in the current directory.
pub(crate) const LOCAL_NAME: &str = "overlord.toml";
/// Its place under the user's configuration directory.
const USER_NAME: &str = "overlord/config.toml";
/// Most bytes of a configuration file; ours are a page at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the file says, by section and key.
#[derive(Debug, Default)]
pub(crate) struct ConfigFile {
    values: BTreeMap<(Section, &'static str), Given>,
    /// Where it was read from; relative paths in it count from there.
    path: Option<PathBuf>,
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
                    Code::FileUnreadable,
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

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let syntax = |error: toml::de::Error| mistake(path, error.to_string().trim_end());
        let table = DeTable::parse(text).map_err(syntax)?;
        let mut file = Self {
            values: BTreeMap::new(),
            path: Some(path.to_owned()),
        };
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            let section = Section::ALL
                .into_iter()
                .find(|section| section.name() == Some(name));
            match (section, value.get_ref()) {
                (Some(section), DeValue::Table(table)) => {
                    for (key, value) in table {
                        file.take(section, key, value, text)?;
                    }
                }
                _ => file.take(Section::Top, key, value, text)?,
            }
        }
        Ok(file)
    }

    /// Takes one key of the file.
    fn take(
        &mut self,
        section: Section,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        text: &str,
    ) -> Result<(), Failure> {
        let path = self.path.clone().unwrap_or_default();
        let line = line_of(text, key.span().start);
        let name = key.get_ref().as_ref();
        let wrong = |problem: String| mistake(&path, &format!("line {line}: {problem}"));
        let place = section
            .name()
            .map_or_else(String::new, |name| format!(" in [{name}]"));
        let row = ROWS.iter().find(|row| row.key() == Some((section, name)));
        let row = row.ok_or_else(|| wrong(format!("there is no setting {name:?}{place}")))?;
        let written = written(row, value.get_ref());
        let kind = value.get_ref().type_str();
        let raw = written.ok_or_else(|| {
            wrong(format!(
                "{name} is {}, not a value of the kind {kind}",
                form_in_words(row.form)
            ))
        })?;
        let raw = match row.form {
            Form::Path => self.resolve(Path::new(&raw)).into(),
            _ => raw,
        };
        let origin = Origin::File {
            path,
            line,
            key: row.flag,
        };
        self.values
            .insert((section, row.flag), Given { raw, origin });
        Ok(())
    }

    /// What the file says of a setting.
    #[must_use]
    pub(crate) fn given(&self, row: &Row) -> Option<Given> {
        self.values.get(&row.key()?).cloned()
    }

    /// A path of the file, counted from the file's own directory.
    fn resolve(&self, path: &Path) -> PathBuf {
        match self.path.as_deref().and_then(Path::parent) {
            Some(directory) => directory.join(path),
            None => path.to_owned(),
        }
    }
}

/// The text of a value, if it is of the row's form.
fn written(row: &Row, value: &DeValue<'_>) -> Option<OsString> {
    match (row.form, value) {
        (Form::Text | Form::Path, DeValue::String(text)) => Some(text.as_ref().into()),
        (Form::Number, DeValue::Integer(number)) => Some(decimal(number).into()),
        (Form::Switch, DeValue::Boolean(on)) => Some(on.to_string().into()),
        _ => None,
    }
}

/// A number as our readers take it; one that they do not take stays as it was written, for them to refuse.
fn decimal(number: &toml::de::DeInteger<'_>) -> String {
    let digits = number.as_str();
    i64::from_str_radix(digits, number.radix())
        .map_or_else(|_| digits.to_owned(), |n| n.to_string())
}

/// What a form is called in a message.
fn form_in_words(form: Form) -> &'static str {
    match form {
        Form::Text | Form::Path => "a text in quotes",
        Form::Number => "a whole number without quotes",
        Form::Switch => "true or false",
    }
}

/// The line, from 1, of a place in a text.
fn line_of(text: &str, place: usize) -> usize {
    let before = text.bytes().take(place);
    1 + before.filter(|byte| *byte == b'\n').count()
}

/// Something in the file that cannot stand there.
fn mistake(path: &Path, problem: &str) -> Failure {
    let message = format!("{} has a mistake: {problem}", path.display());
    Failure::new(Code::Configuration, message)
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
        Err(error) => Err(Failure::because(
            Code::FileUnreadable,
            format!("cannot read the configuration file {}", path.display()),
            error,
        )
        .advise("make it readable, or name another with --config")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_meaning::ExitMeaning;
    use crate::settings::table::{COUNT, KEYS_DIR, USER};

    #[test]
    fn the_named_file_must_be_there_and_the_others_need_not() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent.toml");
        let failure = ConfigFile::load(Some(&absent), None).unwrap_err();
        assert_eq!(failure.meaning(), ExitMeaning::NoInput);
        let file = ConfigFile::load(None, Some(folder.path())).unwrap();
        assert!(file.path.is_none() && file.values.is_empty());
    }

    #[test]
    fn the_users_file_is_found_and_its_paths_count_from_its_directory() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("overlord")).unwrap();
        let text = "user = 'alice'\nkeys-dir = 'keys'\n[run]\ncount = 5\ntype = 'lan'\n";
        std::fs::write(folder.path().join(USER_NAME), text).unwrap();
        let file = ConfigFile::load(None, Some(folder.path())).unwrap();
        let said = |row| file.given(row).unwrap().raw;
        assert_eq!(said(&USER.row), "alice");
        assert_eq!(said(&COUNT.row), "5");
        let keys = folder.path().join("overlord").join("keys");
        assert_eq!(said(&KEYS_DIR.row), keys);
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "user = 'a'\n[run]\ncuont = 5\n").unwrap();
        let failure = ConfigFile::load(Some(&path), None).unwrap_err();
        assert_eq!(failure.meaning(), ExitMeaning::Configuration);
        let text = failure.render();
        assert!(text.contains("line 3") && text.contains("cuont"), "{text}");
    }

    #[test]
    fn a_value_of_another_kind_is_refused_with_its_line() {
        for (text, words) in [
            ("user = 5\n", "line 1: user is a text in quotes"),
            ("[run]\ncount = '5'\n", "line 2: count is a whole number"),
            ("[run]\nuser = 'a'\n", "no setting \"user\" in [run]"),
            ("run = 5\n", "no setting \"run\""),
            ("a.b = 5\n", "no setting \"a\""),
            ("[run]\ncount = 5\ncount = 6\n", "line 3"),
        ] {
            let failure = ConfigFile::parse(Path::new("c.toml"), text).unwrap_err();
            assert_eq!(failure.meaning(), ExitMeaning::Configuration);
            let told = failure.render();
            assert!(told.contains(words), "{text}: {told}");
        }
    }

    #[test]
    fn numbers_are_taken_as_the_file_may_write_them() {
        let text = "[run]\ncount = 0x1F\nprobe-port = 63_100\n";
        let file = ConfigFile::parse(Path::new("c.toml"), text).unwrap();
        assert_eq!(file.given(&COUNT.row).unwrap().raw, "31");
        let port = file.given(&crate::settings::table::PROBE_PORT.row).unwrap();
        assert_eq!(port.raw, "63100");
        let line = Origin::File {
            path: "c.toml".into(),
            line: 3,
            key: "probe-port",
        };
        assert_eq!(port.origin, line);
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
