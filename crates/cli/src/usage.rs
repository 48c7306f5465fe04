//! What clap refuses, told as every other failure is: what is wrong, and what to do.

use clap::error::ErrorKind;

use crate::failure::Failure;

/// A mistake on the command line.
pub(crate) fn mistake(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let (mut problem, mut tips, mut usage) = (Vec::new(), Vec::new(), None);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            tips.push(tip.to_owned());
        } else if let Some(form) = line.strip_prefix("Usage: ") {
            usage = Some(form);
        } else if usage.is_none() && !line.starts_with("For more information") {
            problem.push(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    if let Some(form) = usage {
        tips.push(format!("the form is: {form}"));
    }
    let command = usage.map_or_else(|| "overlord".to_owned(), command_of);
    tips.push(format!("{command} --help explains it"));
    let problem = match error.kind() {
        // The first is told by the whole help, the second by a list of all commands.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "no command is given".to_owned()
        }
        _ => problem.join(" "),
    };
    Failure::usage(problem).advise(tips.join("; "))
}

/// The words of a usage line before its first flag or argument.
fn command_of(form: &str) -> String {
    let words = form.split(' ');
    let words = words.take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Arguments;
    use clap::CommandFactory as _;

    fn told(arguments: &[&str]) -> String {
        let arguments = ["overlord"].iter().chain(arguments);
        let error = Arguments::command().try_get_matches_from(arguments);
        mistake(&error.unwrap_err()).render()
    }

    #[test]
    fn a_refusal_keeps_its_words_and_says_where_to_read_on() {
        let text = told(&["run", "x.pl", "--no-such-flag"]);
        assert!(text.starts_with("error: unexpected argument '--no-such-flag' found\n"));
        assert!(
            text.contains("what to do: ") && text.contains("overlord run --help"),
            "{text}"
        );
        let text = told(&["run"]);
        assert!(text.contains("were not provided: <PROGRAM>\n"), "{text}");
        let text = told(&["statu"]);
        assert!(
            text.contains("a similar subcommand exists: 'status'"),
            "{text}"
        );
        let text = told(&["testbed", "fault", "kill"]);
        assert!(
            text.contains("--node") && text.contains("overlord testbed fault --help"),
            "{text}"
        );
        let text = told(&["keys"]);
        assert!(text.starts_with("error: no command is given\n"), "{text}");
        assert!(text.contains("overlord keys --help"), "{text}");
        assert!(told(&["-v"]).starts_with("error: no command is given\n"));
    }
}
