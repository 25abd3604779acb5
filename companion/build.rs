//! What `--version` names next to the version: the commit and the kind of build.

#![expect(clippy::disallowed_methods, reason = "cargo gives a build script its input in the environment")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SPANLEDGER_COMMIT");
    let profile = std::env::var("PROFILE").unwrap_or_default();
    let target = std::env::var("TARGET").unwrap_or_default();
    let given = std::env::var("SPANLEDGER_COMMIT").ok().filter(|commit| !commit.is_empty());
    // Other builds would be compiled again after each commit.
    let found = || if profile == "release" { released() } else { None };
    let commit = given.or_else(found).unwrap_or_else(|| "unknown".to_owned());
    // Not `SPANLEDGER_...`: `cargo run` hands it to the program, which refuses unknown variables of its own name.
    println!("cargo::rustc-env=COMPANION_BUILD=commit {commit}, {profile} build for {target}");
}

/// The commit of the repository, or the one that a published package names.
fn released() -> Option<String> {
    let git = |arguments: &[&str]| {
        let out = Command::new("git").args(arguments).output().ok().filter(|out| out.status.success())?;
        Some(String::from_utf8(out.stdout).ok()?.trim().to_owned())
    };
    // A package that was unpacked within another repository has a commit of its own.
    if let Ok(text) = std::fs::read_to_string(".cargo_vcs_info.json") {
        let (_, rest) = text.split_once("\"sha1\"")?;
        return rest.split('"').nth(1).map(|commit| commit.chars().take(12).collect());
    }
    if !Path::new("../Cargo.toml").exists() {
        return None;
    }
    for path in ["HEAD", "logs/HEAD"].iter().filter_map(|name| git(&["rev-parse", "--git-path", name])) {
        println!("cargo::rerun-if-changed={path}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    Some(if changed { format!("{commit} with changes") } else { commit })
}
