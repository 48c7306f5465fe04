//! What is made of the table for tests and readers: every row in each of its places, and `docs/configuration.md`, of
//! which the parts between marks are written from the rows.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory as _;
use overlord::engine::Policy;
use overlord::keys::DEFAULT_KEY_BITS;
use overlord::types::{LEASE_ON_ACQUISITION, LEASE_ON_RENEWAL, VESSELS_WITHOUT_DONATION};
use overlord::{COUNT_DEFAULT, STOP_FILE_DEFAULT};

use super::file::ConfigFile;
use super::given::{Given, Origin};
use super::layers::Layers;
use super::row::{Form, Optional, Preset, Reach, Row, Section, Setting};
use super::table::{
    BITS, COUNT, DANGER_ACCEPT_INVALID_CERTS, ON_START, ON_STOP, POLL_PERIOD, RENEW_PERIOD, ROWS,
    STOP_FILE, UP_CREDITS, UP_LEASE, UP_RENEWED_LEASE,
};
use crate::args::Arguments;

/// The page, of which parts are made from the table.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
/// With this variable set, the page is written.
const UPDATE_VARIABLE: &str = "OVERLORD_UPDATE_DOCS";

/// A command that has the flags of a group.
fn command_with(row: &Row) -> &'static [&'static str] {
    match row.scope.commands {
        "every command" | "run, vessels, status" | "run, vessels, status, keys" => &["status"],
        "run" => &["run", "p.r2py"],
        "vessels acquire" => &["vessels", "acquire"],
        "keys generate" => &["keys", "generate"],
        "testbed" => &["testbed", "show"],
        "testbed up" => &["testbed", "up"],
        other => panic!("no command is known that takes the flags of: {other}"),
    }
}

/// A value that the row's form allows, other than its default.
fn sample(row: &Row) -> &'static str {
    match row.form {
        Form::Number => "7",
        Form::Switch => "true",
        Form::Path | Form::Text => "sample",
    }
}

fn layers(row: &Row, flags: &[&str], file: &str) -> Layers {
    let words = ["overlord"].iter().chain(command_with(row)).chain(flags);
    let matches = Arguments::command().try_get_matches_from(words);
    let file = ConfigFile::parse(Path::new("c.toml"), file).unwrap();
    Layers::new(&matches.unwrap(), |_| Some(OsString::from("sample"))).above(file)
}

/// The row as a line of the file, under its section.
fn in_file(row: &Row) -> Option<String> {
    let (section, key) = row.key()?;
    let value = match row.form {
        Form::Number | Form::Switch => sample(row).to_owned(),
        Form::Path | Form::Text => format!("{:?}", sample(row)),
    };
    let head = section.name().map(|name| format!("[{name}]\n"));
    Some(format!("{}{key} = {value}\n", head.unwrap_or_default()))
}

#[test]
fn every_setting_is_taken_as_a_flag_and_from_the_file_and_the_flag_comes_first() {
    for row in ROWS {
        let setting = Optional {
            row: **row,
            read: |given| Ok::<_, crate::failure::Failure>(given.raw.clone()),
        };
        let found = |layers: &Layers| layers.optional(&setting).unwrap().map(|found| found.given);
        if row.scope.reach == Reach::Variable {
            let given = found(&layers(row, &[], "")).unwrap();
            assert_eq!(given.origin, Origin::Variable(row.variable().unwrap()));
            continue;
        }
        assert_eq!(found(&layers(row, &[], "")), None, "{row:?}");
        let flag = row.typed();
        let typed: &[&str] = match row.form {
            Form::Switch => &[&flag],
            _ => &[&flag, sample(row)],
        };
        let wanted = Given::typed(&flag, sample(row));
        assert!(
            found(&layers(row, typed, "")) == Some(wanted.clone()),
            "{row:?}"
        );
        if let Some(file) = in_file(row) {
            let filed = found(&layers(row, &[], &file)).unwrap();
            assert!(matches!(filed.origin, Origin::File { .. }), "{row:?}");
            assert!(found(&layers(row, typed, &file)) == Some(wanted), "{row:?}");
        }
    }
}

#[test]
fn every_flag_of_a_setting_names_its_variable_and_default_in_the_help() {
    for row in ROWS.iter().filter(|row| row.scope.reach != Reach::Variable) {
        let mut words: Vec<_> = vec!["overlord"];
        words.extend(command_with(row).iter().filter(|word| **word != "p.r2py"));
        words.push("--help");
        let help = Arguments::command()
            .try_get_matches_from(words)
            .unwrap_err();
        // Lines are broken where the terminal ends.
        let help = help
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let mut wanted = vec![row.typed()];
        wanted.extend(row.variable().map(|name| format!("[env: {name}=")));
        wanted.extend(
            row.default_in_words()
                .map(|text| format!("[default: {text}]")),
        );
        for text in wanted {
            assert!(help.contains(&text), "{text} is not in: {help}");
        }
    }
}

#[test]
fn no_two_settings_share_a_key_of_the_file() {
    let mut keys = BTreeSet::new();
    for key in ROWS.iter().filter_map(|row| row.key()) {
        assert!(keys.insert(key), "{key:?} stands twice in the table");
    }
}

#[test]
fn what_has_a_default_can_be_read_from_it() {
    let defaults = ROWS.iter().filter_map(|row| match row.preset {
        Preset::Value(text) => Some((row, text)),
        Preset::Told(_) => None,
    });
    for (row, text) in defaults {
        let given = Given::typed(&row.typed(), text);
        match row.form {
            Form::Number => drop(given.number(0, u32::MAX).unwrap()),
            Form::Switch => assert!(!given.switch().unwrap()),
            Form::Path | Form::Text => assert!(!given.text().unwrap().is_empty()),
        }
    }
    let Setting { row, .. } = &DANGER_ACCEPT_INVALID_CERTS;
    assert_eq!(row.default_in_words(), None);
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_libraries() {
    fn of<T>(setting: &Setting<T>) -> T {
        let layers = layers(&COUNT.row, &[], "");
        layers.value(setting).unwrap().value
    }
    /// What is read from the words before the first `;`, which say what happens without a value.
    fn told<T>(setting: &Optional<T>) -> T {
        let words = setting.row.default_in_words().unwrap();
        let word = words.split(';').next().unwrap_or_default();
        (setting.read)(&Given::typed(setting.row.flag, word)).unwrap()
    }
    let policy = Policy::default();
    assert_eq!(of(&COUNT), COUNT_DEFAULT);
    assert_eq!(of(&POLL_PERIOD), policy.poll_period);
    assert_eq!(of(&RENEW_PERIOD), policy.renew_period);
    assert_eq!(of(&ON_START), policy.on_start);
    assert_eq!(told(&ON_STOP), policy.on_stop);
    assert_eq!(of(&STOP_FILE), Path::new(STOP_FILE_DEFAULT));
    assert_eq!(of(&BITS), DEFAULT_KEY_BITS);
    assert_eq!(of(&UP_CREDITS), VESSELS_WITHOUT_DONATION);
    assert_eq!(told(&UP_LEASE), LEASE_ON_ACQUISITION);
    assert_eq!(told(&UP_RENEWED_LEASE), LEASE_ON_RENEWAL);
}

/// The file with every key, each as a comment with what it is.
fn example_file() -> String {
    let mut text = "```toml\n".to_owned();
    for section in Section::ALL {
        if let Some(name) = section.name() {
            let _ = writeln!(text, "[{name}]");
        }
        for row in ROWS {
            let Some((_, key)) = row.key().filter(|(place, _)| *place == section) else {
                continue;
            };
            let value = match (row.form, row.preset) {
                (Form::Number | Form::Switch, Preset::Value(value)) => value.to_owned(),
                (Form::Number, Preset::Told(_)) => "1".to_owned(),
                (_, Preset::Value(value)) => format!("{value:?}"),
                _ => format!("{:?}", row.value_name),
            };
            let _ = writeln!(text, "# {}\n# {key} = {value}", row.help.trim());
        }
    }
    text + "```\n"
}

/// The rows for reading, a table for each group of commands.
fn tables() -> String {
    let mut text = String::new();
    let mut commands = "";
    for row in ROWS {
        if row.scope.commands != commands {
            commands = row.scope.commands;
            let _ = writeln!(
                text,
                "\n### {}\n\n| Flag | Variable | File | Default | What it is |\n|---|---|---|---|---|",
                if commands == "every command" {
                    "Every command"
                } else {
                    commands
                }
            );
        }
        let code = |text: String| format!("`{text}`");
        let key = row.key().map(|(section, key)| match section.name() {
            Some(name) => code(format!("{name}.{key}")),
            None => code(key.to_owned()),
        });
        let flag = (row.scope.reach != Reach::Variable).then(|| code(row.typed()));
        let default = match row.preset {
            Preset::Value(_) if row.form == Form::Switch => "off".to_owned(),
            Preset::Value(value) => code(value.to_owned()),
            Preset::Told(words) => words.to_owned(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {default} | {} |",
            flag.unwrap_or_default(),
            row.variable().map(code).unwrap_or_default(),
            key.unwrap_or_default(),
            row.help.trim()
        );
    }
    text + "\n"
}

/// A text with what is between its marks of this name replaced.
fn with_part(page: &str, name: &str, part: &str) -> String {
    let (begin, end) = (
        format!("<!-- {name}: written from crates/cli/src/settings/table.rs -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let (before, rest) = page.split_once(&begin).expect("the mark that begins it");
    let (_, after) = rest.split_once(&end).expect("the mark that ends it");
    format!("{before}{begin}{part}{end}{after}")
}

#[test]
fn the_configuration_page_says_what_the_table_says() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let fresh = with_part(&page, "file", &example_file());
    let fresh = with_part(&fresh, "settings", &tables());
    if std::env::var_os(UPDATE_VARIABLE).is_some() {
        std::fs::write(PAGE, fresh).unwrap();
        return;
    }
    assert!(
        page == fresh,
        "docs/configuration.md is stale; to update it, run: {UPDATE_VARIABLE}=1 cargo test -p overlord-cli configuration_page"
    );
}

#[test]
fn the_example_file_is_accepted_with_every_key_in_it() {
    let example = example_file();
    let lines = example.lines().filter(|line| !line.starts_with("```"));
    let keys = lines.filter_map(|line| {
        let bare = line.trim_start_matches("# ");
        let is_key = ROWS
            .iter()
            .any(|row| bare.starts_with(&format!("{} = ", row.flag)));
        (is_key || line.starts_with('[')).then_some(bare)
    });
    let text = keys.collect::<Vec<_>>().join("\n");
    let file = ConfigFile::parse(Path::new("c.toml"), &text).unwrap();
    for row in ROWS.iter().filter(|row| row.key().is_some()) {
        assert!(file.given(row).is_some(), "{row:?} is not in the example");
    }
}
