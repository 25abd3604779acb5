//! `spanledger completions` and `spanledger man`: made from the definition of the command line, so that they never differ
//! from it.

use std::io::Write;
use std::path::PathBuf;

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Failure, write_all};

/// Of which shell.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanledger completions bash > /usr/share/bash-completion/completions/spanledger
  spanledger completions zsh > \"${fpath[1]}/_spanledger\"
  spanledger completions fish > ~/.config/fish/completions/spanledger.fish")]
pub(super) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Where the pages go.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanledger man | man -l -
  spanledger man --output /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// The directory to write one page per command to; it is made if there is none [default: the page of `spanledger`, on
    /// the standard output].
    #[arg(long, short, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

/// The command line as it is defined.
fn definition() -> Command {
    Cli::command()
}

/// Writes the completions to `out`.
///
/// # Errors
/// `Failure` when `out` cannot be written.
pub(super) fn completions(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition(), "spanledger", &mut script);
    write_all(out, &String::from_utf8_lossy(&script))
}

/// Writes the manual pages.
///
/// # Errors
/// `Failure` when the directory or `out` cannot be written.
pub(super) fn manual(args: &ManArgs, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(directory) = &args.output {
        let failed = |error: std::io::Error| {
            Failure(format!("cannot write the manual pages to {}: {error}", directory.display()))
        };
        std::fs::create_dir_all(directory).map_err(failed)?;
        return clap_mangen::generate_to(definition(), directory).map_err(failed);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(definition()).render(&mut page)?;
    write_all(out, &String::from_utf8_lossy(&page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let mut out = Vec::new();
            completions(&Args { shell }, &mut out).unwrap();
            let script = String::from_utf8(out).unwrap();
            for command in definition().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("man1");
        manual(&ManArgs { output: Some(directory.clone()) }, &mut Vec::new()).unwrap();
        for command in definition().get_subcommands() {
            let page =
                std::fs::read_to_string(directory.join(format!("spanledger-{}.1", command.get_name())))
                    .unwrap();
            assert!(page.contains(".SH SYNOPSIS"), "{}", command.get_name());
        }
        let mut out = Vec::new();
        manual(&ManArgs { output: None }, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains(".TH"));
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let failure = manual(&ManArgs { output: Some(file) }, &mut Vec::new()).unwrap_err().to_string();
        assert!(failure.starts_with("cannot write the manual pages to "), "{failure}");
    }

    #[test]
    fn the_version_names_commit_and_build() {
        let text = definition().render_version();
        assert!(text.starts_with(concat!("spanledger ", env!("CARGO_PKG_VERSION"), " (commit ")), "{text}");
        assert!(text.contains(" build for "), "{text}");
    }
}
