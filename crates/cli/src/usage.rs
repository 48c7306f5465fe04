//! What clap refuses, told as every other failure is: what is wrong, and what to do.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::failure::Failure;

/// Words that people bring from other programs: below which command, the words, and what is ours.
const KNOWN_ELSEWHERE: &[(&str, &[&str], &str)] = &[
    (
        "overlord",
        &["logs", "log", "tail"],
        "overlord vessels log --all prints what programs wrote",
    ),
    (
        "overlord",
        &["ps", "top", "info"],
        "overlord status says what the account holds and what runs there",
    ),
    (
        "overlord",
        &["ls", "list", "get"],
        "overlord vessels list prints what the account holds",
    ),
    (
        "overlord",
        &["stop", "kill", "down", "rm", "delete", "destroy"],
        "make the stop file (touch stop) where the run was started, or send it SIGTERM; overlord vessels release --all gives back what it left",
    ),
    (
        "overlord",
        &["start", "deploy", "up", "create", "apply"],
        "overlord run PROGRAM deploys and keeps running; overlord testbed up starts a testbed",
    ),
    ("overlord", &["version"], "overlord --version prints it"),
    (
        "overlord",
        &["completions", "completion"],
        "there are none; overlord help lists the commands, and overlord help COMMAND their flags",
    ),
    (
        "overlord",
        &["config", "configure", "init"],
        "the file is overlord.toml, and docs/configuration.md lists its keys",
    ),
    (
        "overlord testbed",
        &["stop", "down", "end"],
        "a testbed ends with Ctrl-C or SIGTERM where it was started",
    ),
    (
        "overlord testbed",
        &["start", "run"],
        "overlord testbed up starts one",
    ),
    (
        "overlord testbed",
        &["status", "ps", "ls", "list"],
        "overlord testbed show says what there is",
    ),
    (
        "overlord vessels",
        &["ls", "ps", "get"],
        "overlord vessels list prints what the account holds",
    ),
];

/// What is ours of a word that was typed below a command.
fn hint(command: &str, error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let known = KNOWN_ELSEWHERE
        .iter()
        .find(|(below, words, _)| *below == command && words.contains(&typed.as_str()));
    known.map(|(_, _, hint)| *hint)
}

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
    let command = usage.map_or_else(|| "overlord".to_owned(), command_of);
    if let Some(hint) = hint(&command, error) {
        // Words that only look alike are further off.
        tips = vec![hint.to_owned()];
    }
    if let Some(form) = usage {
        tips.push(format!("the form is: {form}"));
    }
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
        for (typed, ours) in [
            (&["logs"][..], "overlord vessels log --all"),
            (&["ps"], "overlord status"),
            (&["stop"], "touch stop"),
            (&["version"], "overlord --version"),
            (&["completions"], "overlord help"),
            (&["testbed", "down"], "Ctrl-C"),
        ] {
            let text = told(typed);
            assert!(text.contains(ours), "{text}");
            assert!(!text.contains("similar"), "{text}");
        }
        for (command, words, _) in KNOWN_ELSEWHERE {
            for word in *words {
                let mut typed: Vec<_> = command.split(' ').skip(1).collect();
                typed.push(word);
                assert!(
                    told(&typed).contains("unrecognized subcommand"),
                    "{typed:?}"
                );
            }
        }
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
