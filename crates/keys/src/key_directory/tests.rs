//! Loading and saving over real files.

use std::error::Error as _;
use std::sync::OnceLock;

use super::*;

fn alice() -> UserName {
    "alice".parse().unwrap()
}

/// One pair for all tests: making one takes a while in a debug build.
fn pair() -> KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| KeyPair::generate(1024).unwrap())
        .clone()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn saved() -> (tempfile::TempDir, KeyDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyDirectory::new(folder.path());
    keys.save(&alice(), &pair()).unwrap();
    (folder, keys)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_saved_pair_is_loaded_again_without_a_warning() {
    let (folder, keys) = saved();
    let loaded = keys.load(&alice()).unwrap();
    assert_eq!(loaded.pair.public(), pair().public());
    assert_eq!(loaded.warnings, []);
    assert_eq!(keys.load_public(&alice()).unwrap(), *pair().public());
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["alice.privatekey", "alice.publickey"],
        "no temporary file is left"
    );
    let text = fs::read_to_string(keys.file(&alice(), KeyKind::Private)).unwrap();
    assert_eq!(text.split(' ').count(), 3);
    assert!(!text.ends_with('\n'), "the original writes no newline");
}

#[cfg(unix)]
#[test]
fn private_files_are_for_their_owner_and_others_cause_a_warning() {
    let (_folder, keys) = saved();
    let path = keys.file(&alice(), KeyKind::Private);
    assert_eq!(mode(&path), 0o600);
    for mode in [0o640, 0o604, 0o620] {
        set_mode(&path, mode);
        let warnings = keys.load(&alice()).unwrap().warnings;
        let expected = KeyWarning::PrivateFileOpen {
            path: path.clone(),
            mode,
        };
        assert_eq!(warnings, [expected]);
        assert!(
            warnings[0].to_string().contains("chmod 600"),
            "{}",
            warnings[0]
        );
    }
}

#[test]
fn an_existing_key_is_never_overwritten_by_a_new_one() {
    for kind in [KeyKind::Private, KeyKind::Public] {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyDirectory::new(folder.path());
        let path = keys.file(&alice(), kind);
        fs::write(&path, "precious").unwrap();
        let error = keys.save(&alice(), &pair()).unwrap_err();
        assert!(
            matches!(&error, KeyFileError::Exists { path: p } if *p == path),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_file_that_appears_while_writing_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.privatekey");
    fs::write(&path, "precious").unwrap();
    let error = write_new(&path, b"1 2 3", KeyKind::Private).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_directory_is_made_with_the_first_pair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a").join("keys");
    KeyDirectory::new(&path).save(&alice(), &pair()).unwrap();
    assert!(path.join("alice.privatekey").is_file());
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o700);
}

#[test]
fn a_missing_file_is_named_and_so_are_both() {
    let (folder, keys) = saved();
    let public = keys.file(&alice(), KeyKind::Public);
    let private = keys.file(&alice(), KeyKind::Private);
    fs::rename(&private, folder.path().join("aside")).unwrap();
    let error = keys.load(&alice()).unwrap_err();
    assert!(matches!(&error, KeyFileError::Missing { paths } if *paths == [private.clone()]));
    assert!(
        error
            .to_string()
            .ends_with("alice.privatekey does not exist"),
        "{error}"
    );
    fs::remove_file(&public).unwrap();
    let error = keys.load(&alice()).unwrap_err();
    assert!(matches!(&error, KeyFileError::Missing { paths } if *paths == [public, private]));
    assert!(error.to_string().contains(" and "), "{error}");
}

#[test]
fn what_cannot_be_read_is_named_with_the_systems_reason() {
    let (_folder, keys) = saved();
    let public = keys.file(&alice(), KeyKind::Public);
    fs::remove_file(&public).unwrap();
    fs::create_dir(&public).unwrap();
    let error = keys.load(&alice()).unwrap_err();
    assert!(
        matches!(&error, KeyFileError::Unreadable { path, .. } if *path == public),
        "{error}"
    );
    assert!(error.source().is_some());
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_key_is_refused_at_once() {
    let (_folder, keys) = saved();
    let public = keys.file(&alice(), KeyKind::Public);
    fs::remove_file(&public).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&public)
        .status()
        .unwrap();
    assert!(made.success());
    let error = keys.load(&alice()).unwrap_err();
    assert!(
        matches!(&error, KeyFileError::Unreadable { path, .. } if *path == public),
        "{error}"
    );
}

#[test]
fn a_malformed_file_says_which_word_on_which_line() {
    let (_folder, keys) = saved();
    let public = keys.file(&alice(), KeyKind::Public);
    fs::write(&public, "65537\n 12a4\n").unwrap();
    let error = keys.load(&alice()).unwrap_err();
    assert!(
        matches!(&error, KeyFileError::Malformed { path, .. } if *path == public),
        "{error}"
    );
    let cause = error.source().unwrap().to_string();
    assert!(
        cause.starts_with("word 2 (line 2) is not a decimal number"),
        "{cause}"
    );
    assert!(cause.contains("character 3"), "{cause}");
    fs::write(&public, "9".repeat(70_000)).unwrap();
    let error = keys.load(&alice()).unwrap_err();
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .contains("more than any key has")
    );
}

#[test]
fn a_message_about_a_private_file_never_repeats_its_content() {
    let (_folder, keys) = saved();
    let private = keys.file(&alice(), KeyKind::Private);
    fs::write(&private, "123123123123 77x77 5").unwrap();
    let error = keys.load(&alice()).unwrap_err();
    let whole = format!("{error} {} {error:?}", error.source().unwrap());
    assert!(
        !whole.contains("123123") && !whole.contains("77x77"),
        "{whole}"
    );
}

#[test]
fn two_halves_of_different_pairs_are_refused_by_name() {
    let (_folder, keys) = saved();
    let public = keys.file(&alice(), KeyKind::Public);
    let other = KeyPair::generate(1024).unwrap();
    fs::write(&public, other.public().as_str()).unwrap();
    let error = keys.load(&alice()).unwrap_err();
    assert!(matches!(error, KeyFileError::Mismatch { .. }), "{error}");
    assert!(error.to_string().contains("do not belong together"));
    let e = pair().public().e().to_dec_str().unwrap().to_string();
    let n = pair().public().n().to_dec_str().unwrap().to_string();
    assert_eq!(e, "65537");
    fs::write(&public, format!("65539 {n}")).unwrap();
    let error = keys.load(&alice()).unwrap_err();
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .contains("does not undo e"),
        "{error}"
    );
}
