//! `overlord keys generate|show|check`

use overlord::keys::{KeyDirectory, KeyKind, KeyPair, PublicKey};
use overlord::types::UserName;
use serde::Serialize;

use crate::args::KeysCommand;
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::table::{BITS, KEYS_DIR};
use crate::settings::{self, Layers};

/// A pair as it is told to programs.
#[derive(Serialize)]
struct KeysRecord<'a> {
    event: &'static str,
    user: &'a UserName,
    bits: u32,
    public_key: &'a str,
    public_file: String,
    private_file: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Does one of the three.
///
/// # Errors
/// What is wrong with the keys or their files.
pub(crate) fn run(command: &KeysCommand, layers: &Layers, output: &Output) -> Result<(), Failure> {
    match command {
        KeysCommand::Generate(_) => generate(layers, output),
        KeysCommand::Show(_) => show(layers, output),
        KeysCommand::Check(_) => check(layers, output),
    }
}

fn place(layers: &Layers) -> Result<(UserName, KeyDirectory), Failure> {
    let user = settings::user(layers)?;
    let directory = KeyDirectory::new(layers.value(&KEYS_DIR)?.value);
    Ok((user, directory))
}

fn generate(layers: &Layers, output: &Output) -> Result<(), Failure> {
    let (user, directory) = place(layers)?;
    let bits = layers.value(&BITS)?.value;
    let pair = KeyPair::generate(bits)?;
    directory.save(&user, &pair)?;
    let record = record(
        "keys_generated",
        &user,
        &directory,
        pair.public(),
        Vec::new(),
    );
    output.record(&record)?;
    output.line(&format!("{}\n{}", record.private_file, record.public_file))?;
    if output.progress().is_live() {
        output.note(&format!(
            "Keep the private file to yourself and make a copy of it. Give the public key to the clearinghouse when you make the account {user}."
        ));
    }
    Ok(())
}

fn show(layers: &Layers, output: &Output) -> Result<(), Failure> {
    let (user, directory) = place(layers)?;
    let key = directory.load_public(&user)?;
    let record = record("public_key", &user, &directory, &key, Vec::new());
    output.show(key.as_str(), &record)
}

fn check(layers: &Layers, output: &Output) -> Result<(), Failure> {
    let (user, directory) = place(layers)?;
    let loaded = directory.load(&user)?;
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    for warning in &warnings {
        output.note(&format!("warning: {warning}"));
    }
    let key = loaded.pair.public();
    let record = record("keys_checked", &user, &directory, key, warnings);
    output.show(
        &format!(
            "the keys of {user} are a pair of {} bits, ending in {}",
            key.bits(),
            key.short()
        ),
        &record,
    )
}

fn record<'a>(
    event: &'static str,
    user: &'a UserName,
    directory: &KeyDirectory,
    key: &'a PublicKey,
    warnings: Vec<String>,
) -> KeysRecord<'a> {
    let file = |kind| directory.file(user, kind).display().to_string();
    KeysRecord {
        event,
        user,
        bits: key.bits(),
        public_key: key.as_str(),
        public_file: file(KeyKind::Public),
        private_file: file(KeyKind::Private),
        warnings,
    }
}
