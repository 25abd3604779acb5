//! What `--help` gives to someone who reads it for the first time.

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::Cli;

/// The widest line of an example: clap breaks longer ones where there is no terminal.
const WIDEST: usize = 98;

/// All commands below `command` with their full names, each once.
fn commands(command: &Command, name: &str, found: &mut Vec<(String, Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("{name} {}", sub.get_name());
        found.push((name.clone(), sub.clone()));
        commands(sub, &name, found);
    }
}

fn all() -> Vec<(String, Command)> {
    let mut cli = Cli::command();
    cli.build();
    let mut found = vec![("spanledger".to_owned(), cli.clone())];
    commands(&cli, "spanledger", &mut found);
    found
}

fn help(argument: &Arg) -> String {
    argument.get_help().map(ToString::to_string).unwrap_or_default()
}

/// Whether the help of an option names what holds without it.
fn names_its_default(argument: &Arg) -> bool {
    let text = help(argument);
    let named = ["[default", "instead of", "Only ", "Without it"].iter().any(|words| text.contains(words));
    named
        || !argument.get_default_values().is_empty()
        || argument.is_required_set()
        || argument.get_env().is_some()
}

#[test]
fn every_command_has_an_example_of_its_own() {
    for (name, command) in all() {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let example = text.lines().filter(|line| line.starts_with("  ")).any(|line| line.contains(&name));
        // Of the commands that differ in the length of the period alone, any of them is shown.
        let period = ["hourly", "daily", "weekly", "monthly"].iter().any(|period| name.ends_with(period));
        assert!(example || (period && text.contains("spanledger daily")), "{name}: no example in {text:?}");
        for line in text.lines().filter(|line| line.starts_with("  ") && line.contains("spanledger ")) {
            assert!(line.chars().count() <= WIDEST, "{name}: wider than {WIDEST}: {line}");
        }
    }
}

#[test]
fn every_argument_is_described_with_what_holds_without_it() {
    for (name, command) in all() {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let text = help(argument);
            assert!(text.len() > 8, "{name}: {argument}: {text:?}");
            // An option that may be given several times has none.
            let optional = matches!(argument.get_action(), ArgAction::Set) && !argument.is_positional();
            assert!(
                !optional || names_its_default(argument),
                "{name}: {argument} has no default in {text:?}"
            );
        }
    }
}
