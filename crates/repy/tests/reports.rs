//! What is told about a program that fails, and where: standard error, or in order in the log file.

#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene fails")]

use std::process::{Command, Output};

use tempfile::TempDir;

/// Enough of everything for a program that does nothing much.
const RESOURCES: &str = "resource cpu 1.0
resource memory 100000000
resource diskused 10000000
resource events 5
resource lograte 100000
";

/// A program in a directory of its own.
struct Scene(TempDir);

impl Scene {
    fn new(program: &str) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("resources"), RESOURCES).unwrap();
        std::fs::write(directory.path().join("program.r2py"), program).unwrap();
        Scene(directory)
    }

    fn run(&self, options: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_repy"))
            .args(options)
            .args(["resources", "program.r2py"])
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    fn streams(&self) -> (i32, String, String) {
        let output = self.run(&[]);
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    /// What stands in the log file.
    fn logged(&self) -> String {
        let output = self.run(&["--logfile", "log"]);
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
        std::fs::read_to_string(self.0.path().join("log.old")).unwrap()
    }
}

const FRAMES: &str =
    "  \"program.r2py\", line 4, in <module>\n  \"program.r2py\", line 3, in fail\n";

fn report(last_line: &str) -> String {
    format!(
        "\nUncaught exception!\n---\nFollowing is a full traceback, and a user traceback.\n\
         The user traceback excludes non-user modules. The most recent call is displayed last.\n\n\
         Full debugging traceback:\n{FRAMES}\nUser traceback:\n{FRAMES}\n{last_line}\n---\n"
    )
}

#[test]
fn the_report_of_an_exception_goes_to_standard_error_and_the_log_to_standard_output() {
    let scene = Scene::new("log('one')\ndef fail():\n  {}[1]\nfail()\n");
    let (code, out, err) = scene.streams();
    assert_eq!((code, out.as_str()), (6, "one"));
    assert_eq!(
        err,
        report("Exception (with type 'exceptions.KeyError'): 1")
    );
}

#[test]
fn a_builtin_that_repy_does_not_have_is_an_unsafe_call_with_its_arguments() {
    let scene = Scene::new("log('one')\ndef fail():\n  sorted([2], key=len)\nfail()\n");
    assert_eq!(
        scene.streams().2,
        report(
            "Unsafe call: Unsafe call 'sorted' with args '([2],)', kwargs '{'key': <built-in function len>}'"
        )
    );
}

#[test]
fn in_a_log_file_the_report_continues_a_line_left_unfinished() {
    let scene = Scene::new("log('one')\ndef fail():\n  raise KeyError(1)\nfail()\n");
    let logged = scene.logged();
    let expected = report("Exception (with type 'exceptions.KeyError'): 1");
    assert!(logged.ends_with(&format!("one {expected}")), "{logged}");
    let scene = Scene::new("log('one\\n')\ndef fail():\n  raise KeyError(1)\nfail()\n");
    let logged = scene.logged();
    assert!(logged.ends_with(&format!("one\n{expected}")), "{logged}");
}

#[test]
fn unsafe_code_and_what_is_no_python_are_told_in_the_originals_words_on_standard_error() {
    let told = |program: &str| {
        let (code, out, err) = Scene::new(program).streams();
        assert_eq!((code, out.as_str()), (5, ""), "{program}");
        err
    };
    assert_eq!(
        told("#\n#\n#\n#\n#\nimport os\n"),
        "Specified repy program is unsafe!\n\
         Static-code analysis failed with error: Code failed safety check! Error: \
         <class 'exception_hierarchy.CheckNodeException'> Unsafe call 'Import' in line 6\n\
         program.r2py:6:1: unsafe: Repy has no import statement (use dy_import_module of dylink.r2py)\n    \
         import os\n    ^\n"
    );
    let syntax = told("\n\n# the next line is no Python\nsadfj asdkj afsdkj\n");
    assert!(
        syntax.starts_with(
            "Specified repy program is unsafe!\n\
             Static-code analysis failed with error: Code failed safety check! Error: \
             <type 'exceptions.SyntaxError'> invalid syntax (line 4)\nprogram.r2py:4:7: syntax error: "
        ),
        "{syntax}"
    );
}

#[test]
fn in_a_log_file_the_verdict_stands_too() {
    let logged = Scene::new("import os\n").logged();
    assert!(
        logged.contains("Unsafe call 'Import' in line 1\n"),
        "{logged}"
    );
}
