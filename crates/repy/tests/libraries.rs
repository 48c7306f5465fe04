//! Loaders of libraries and security layers are programs: those of `libraries/` run with no help from the runtime but
//! virtual namespaces, `_context`, files and `callargs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene fails")]

use std::path::Path;
use std::process::Command;

const RESOURCES: &str = "\
resource cpu 1
resource memory 100000000
resource diskused 1000000
resource events 10
resource filewrite 1000000
resource fileread 1000000
resource filesopened 5
resource lograte 100000
";

/// Runs the words as `repy resources WORDS` in a folder with all the libraries; the output and the code.
fn run(words: &[&str]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libraries");
    for entry in std::fs::read_dir(libraries).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    std::fs::write(folder.path().join("secret.txt"), "the secret").unwrap();
    std::fs::write(folder.path().join("resources"), RESOURCES).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_repy"))
        .current_dir(folder.path())
        .arg("resources")
        .args(words)
        .output()
        .unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    (text, output.status.code())
}

#[test]
fn a_loader_written_in_repy_gives_programs_libraries_and_their_arguments() {
    let (text, code) = run(&["loader.r2py", "program.r2py", "a", "b c"]);
    assert_eq!(
        text,
        "True 1 2 13 ['a', 'b c'] \nsaid by a library\nnames of libraries stay theirs\nTrue \nthe secret \n\
         in a thread\nTrue True False False \n"
    );
    assert_eq!(code, Some(0));
}

#[test]
fn a_security_layer_written_in_repy_stands_between_program_and_calls() {
    let (text, code) = run(&["loader.r2py", "layer.r2py", "program.r2py", "a"]);
    assert_eq!(
        text,
        "[guarded] True 1 2 13 ['a'] \n[guarded] said by a library\n[guarded] names of libraries stay theirs\n[guarded] False \n\
         [guarded] there is no such file \n[guarded] this layer allows no threads \n\
         [guarded] True False False False \n"
    );
    assert_eq!(code, Some(0));
}

#[test]
fn layers_can_be_stacked() {
    let (text, code) = run(&["loader.r2py", "layer.r2py", "layer.r2py", "program.r2py"]);
    assert!(text.starts_with("[guarded] [guarded] True"), "{text}");
    assert!(!text.contains("the secret"), "{text}");
    assert_eq!(code, Some(0));
}

#[test]
fn errors_behind_a_layer_name_the_file_they_are_in() {
    let (text, code) = run(&["loader.r2py", "layer.r2py", "nothing.r2py"]);
    assert!(text.contains("\"layer.r2py\", line"), "{text}");
    assert!(text.contains("FileNotFoundError"), "{text}");
    assert_eq!(code, Some(6));
}
