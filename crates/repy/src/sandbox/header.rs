//! What stands in a log before the program's own output, as the original's `--execinfo` writes it.

use overlord_repy_machine::repr_bytes;

/// The lines that say which program runs with which arguments, for its log.
pub(crate) fn execution_header(program: &str, arguments: &[String]) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|word| String::from_utf8_lossy(&repr_bytes(word.as_bytes())).into_owned())
        .collect();
    let line = "=".repeat(40);
    format!(
        "{line}\nRunning program: {program}\nArguments: [{}]\n{line}\n",
        arguments.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_begins_as_the_recorded_ones_do() {
        let arguments = ["12345".to_owned(), "two".to_owned()];
        assert_eq!(
            execution_header("loop.r2py", &arguments),
            "========================================\nRunning program: loop.r2py\n\
             Arguments: ['12345', 'two']\n========================================\n"
        );
        assert!(execution_header("exit.r2py", &[]).contains("\nArguments: []\n"));
    }

    #[test]
    fn arguments_are_written_as_python_writes_them() {
        let arguments = ["it's".to_owned(), "a\nb".to_owned(), "\u{e4}".to_owned()];
        let header = execution_header("p", &arguments);
        assert!(
            header.contains(r#"Arguments: ["it's", 'a\nb', '\xc3\xa4']"#),
            "{header}"
        );
    }
}
