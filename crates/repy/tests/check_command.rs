//! `repy --check` as a shell sees it: what it prints and how it ends.

#![expect(clippy::expect_used, reason = "a test that cannot set the scene fails")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A folder of programs that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &[u8]) {
        std::fs::write(self.0.join(name), text).expect("written");
    }

    fn repy(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_repy"))
            .args(arguments)
            .current_dir(&self.0)
            .output()
            .expect("runs")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn answer(output: &Output) -> (i32, String) {
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn one_file_gets_a_message_and_its_own_exit_code() {
    let folder = Folder::new("one_file");
    folder.file("good.r2py", b"log('hello')\n");
    folder.file("bad.r2py", b"x = 1\nif x:\n\timport os\n");
    folder.file("broken.r2py", b"log('hello'\n");
    assert_eq!(
        answer(&folder.repy(&["--check", "good.r2py"])),
        (0, "good.r2py: accepted\n".to_owned())
    );
    let unsafe_answer = "bad.r2py:3:2: unsafe: Repy has no import statement (use dy_import_module of dylink.r2py)\n    \
                         import os\n    ^\n";
    assert_eq!(
        answer(&folder.repy(&["--check", "bad.r2py"])),
        (5, unsafe_answer.to_owned())
    );
    let broken_answer =
        "broken.r2py:1:4: syntax error: this bracket is never closed\n    log('hello'\n       ^\n";
    assert_eq!(
        answer(&folder.repy(&["--check", "broken.r2py"])),
        (2, broken_answer.to_owned())
    );
}

#[test]
fn several_files_get_a_line_each_and_the_worst_exit_code() {
    let folder = Folder::new("several_files");
    folder.file("a", b"pass");
    folder.file("b", b"1 +");
    folder.file("c", b"print 1");
    let expected = "a: accepted\nb: syntax error: line 1, column 4: invalid syntax: expected an expression, found the end \
                    of the line\nc: unsafe: line 1, column 1: Repy has no print statement (use log)\n";
    assert_eq!(
        answer(&folder.repy(&["--check", "a", "b", "c"])),
        (5, expected.to_owned())
    );
    assert_eq!(answer(&folder.repy(&["--check", "a", "b"])).0, 2);
    assert_eq!(answer(&folder.repy(&["--check", "a", "a"])).0, 0);
}

#[test]
fn a_file_that_cannot_be_read_is_not_passed_over() {
    let folder = Folder::new("unreadable");
    folder.file("a", b"pass");
    let output = folder.repy(&["--check", "a", "nowhere"]);
    assert_eq!(answer(&output), (1, "a: accepted\n".to_owned()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere: cannot be read"));
}

#[test]
fn standard_input_can_be_checked() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_repy"))
        .args(["--check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("runs");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"lambda: 1")
        .expect("written");
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn wrong_use_is_explained() {
    let folder = Folder::new("wrong_use");
    for arguments in [&[][..], &["--check"], &["--nonsense"]] {
        let output = folder.repy(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("usage:"),
            "{arguments:?}"
        );
    }
    assert_eq!(folder.repy(&["--help"]).status.code(), Some(0));
}

#[test]
fn what_only_the_compiler_refuses_is_accepted_and_found_when_the_program_is_to_run() {
    let folder = Folder::new("compiler");
    for (name, program, rule) in [
        (
            "return",
            "log('run')\nreturn 1\n",
            "'return' outside function",
        ),
        ("break", "log('run')\nbreak\n", "'break' outside loop"),
        (
            "none",
            "log('run')\nNone, b = 1, 2\n",
            "cannot assign to None",
        ),
        (
            "twice",
            "log('run')\ndef f(a, (b, a)): pass\n",
            "duplicate argument 'a'",
        ),
        (
            "except",
            "log('run')\ntry: x\nexcept: y\nexcept ValueError: z\n",
            "default 'except:' must be last",
        ),
        (
            "keyword",
            "log('run')\nf(a=1, a=2)\n",
            "keyword argument repeated",
        ),
    ] {
        let file = format!("{name}.r2py");
        folder.file(&file, program.as_bytes());
        assert_eq!(folder.repy(&["--check", &file]).status.code(), Some(0));
        let run = folder.repy(&[&file]);
        let said = String::from_utf8_lossy(&run.stdout).into_owned()
            + &String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(rule), "{name}: {said}");
        assert!(!said.contains("run\n") && said != "run", "{name}: {said}");
    }
}

#[test]
fn a_resource_file_that_says_nothing_is_no_program() {
    let folder = Folder::new("empty_resources");
    folder.file("hello.r2py", b"log('hello')\n");
    folder.file("empty.resources", b"");
    folder.file("comments.resources", b"# nothing\n\n# but this\n");
    for resources in ["empty.resources", "comments.resources"] {
        let run = folder.repy(&[resources, "hello.r2py"]);
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1), "{said}");
        assert!(said.contains(resources) && said.contains("cpu"), "{said}");
        assert!(run.stdout.is_empty());
    }
}
