//! `spanledger config`: the effective configuration, and where each value comes from.

use std::fmt::Write as _;
use std::io::Write;

use super::format::on_one_line;
use super::{Common, Failure, write_all};
use crate::notify::secret;

/// Without a flag, prints every key with its value and its source.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  spanledger config                           the defaults with the changes by the environment
  spanledger config --config my.toml          the same with a file
  spanledger config --config my.toml --check  only the first error, with its line and key
  spanledger config --example > my.toml       a file with every key, its default and a comment")]
pub struct Args {
    /// Only check; print nothing if the configuration is valid, but for files with secrets that every user can read.
    #[arg(long)]
    check: bool,
    /// Print an example file with every key.
    #[arg(long, conflicts_with = "check")]
    example: bool,
}

/// Prints or checks the configuration; remarks go to `notes`.
///
/// # Errors
/// `Failure` for the first value that is wrong.
pub fn run(args: &Args, common: &Common, out: &mut dyn Write, notes: &mut dyn Write) -> Result<(), Failure> {
    if args.example {
        return write_all(out, crate::config::EXAMPLE);
    }
    let loaded = common.load(&[])?;
    // The check reads the files of secrets and prices. It connects to nothing.
    loaded.config.notify.targets().map_err(|message| loaded.error_of(&message))?;
    crate::app::prices(&loaded)?;
    if args.check {
        for path in loaded.files_with_secrets() {
            if let Some(remark) = secret::remark(&path) {
                write_all(notes, &format!("{}: {remark}\n", on_one_line(&path.display().to_string())))?;
            }
        }
        return Ok(());
    }
    let values = loaded.values();
    let width = values.iter().map(|(key, value, _)| key.len() + value.len()).max().unwrap_or(0).min(70);
    let mut text = String::new();
    for (key, value, source) in values {
        let (key, value) = (on_one_line(&key), on_one_line(&value));
        let pad = width.saturating_sub(key.len() + value.len());
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{key} = {value}{:pad$}  # {source}", "");
    }
    write_all(out, &text)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_check_remarks_each_file_with_a_secret_that_every_user_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let holds = [
            ("url", "https://example.com/hook"),
            ("token", "secret"),
            ("sender", "other"),
            ("admin", "third"),
            ("key.pem", ""),
            ("admin.pem", ""),
        ];
        // Neither holds a secret.
        let public = [("cert.pem", ""), ("holidays", "2026-12-25")];
        for (name, text) in holds.into_iter().chain(public) {
            write(path(name), text).unwrap();
        }
        let at = |name: &str| format!("'{}'", path(name).display());
        let text = format!(
            "[receiver]\ntoken_file = {}\n[receiver.tls]\ncert = {cert}\nkey = {}\n[[receiver.senders]]\nname = 'a'\n\
             services = ['a']\ntoken_file = {}\n[admin]\ntoken_file = {}\n[admin.tls]\ncert = {cert}\nkey = {}\n\
             [notify]\nholidays_file = {}\n[[notify.slack]]\nurl = 'https://example.com/slack'\n\
             [[notify.webhook]]\nurl_file = {}\n",
            at("token"),
            at("key.pem"),
            at("sender"),
            at("admin"),
            at("admin.pem"),
            at("holidays"),
            at("url"),
            cert = at("cert.pem"),
        );
        write(path("my.toml"), text).unwrap();
        let secrets: Vec<&str> = holds.iter().map(|(name, _)| *name).chain(["my.toml"]).collect();
        let check = |mode: u32| {
            for name in &secrets {
                set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
            }
            let common = Common { ledger: None, store: None, config: Some(path("my.toml")) };
            let (mut out, mut notes) = (Vec::new(), Vec::new());
            run(&Args { check: true, example: false }, &common, &mut out, &mut notes).unwrap();
            assert!(out.is_empty());
            String::from_utf8(notes).unwrap()
        };
        let notes = check(0o644);
        for name in &secrets {
            let remark = format!("{}: every user of this machine can read this file", path(name).display());
            assert!(notes.contains(&remark), "no {remark} in {notes}");
        }
        assert_eq!(notes.lines().count(), secrets.len(), "{notes}");
        assert_eq!(check(0o640), "");
    }
}
