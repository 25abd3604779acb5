//! What CONTRIBUTING.md asks of a rule, checked for every rule.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rule::{ALL, RuleName};

/// A file of the workspace.
fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `HighRequestRate` as `high_request_rate`: the name of the rule's file and the beginning of its tests' names.
fn snake(name: RuleName) -> String {
    let mut snake = String::new();
    for letter in name.as_str().chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The names of all tests of this folder.
fn tests() -> Vec<String> {
    let folder = root().join("companion/src/rule/tests");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of the tests") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("text");
        names.extend(text.lines().filter_map(|line| line.strip_prefix("fn ")).map(str::to_owned));
    }
    names
}

#[test]
fn every_rule_has_what_the_recipe_asks_for() {
    let (runbook, example) = (read("alerts/runbook.md"), read("companion/spanledger.example.toml"));
    let template =
        ["fixed", "learned"].map(|name| read(&format!("companion/src/cli/rules/prometheus/{name}.yml.in")));
    let (template, shipped) = (template.concat(), read("alerts/spanledger.rules.yml"));
    let tests = tests();
    for rule in ALL {
        let (name, file) = (rule.name, snake(rule.name));
        assert!(runbook.contains(&format!("\n## {name}\n")), "{name} has no section in alerts/runbook.md");
        assert!(
            example.contains(&format!("\n[rules.{name}]\n")),
            "{name} is not in the example configuration"
        );
        for kind in ["_fires", "_does_not_fire"] {
            let convention = format!("{file}{kind}");
            assert!(tests.iter().any(|test| test.starts_with(&convention)), "no test {convention}...");
        }
        // What Prometheus cannot express over the library's metrics, it reads from the companion's.
        let expressed = template.contains(&format!("- alert: {name}\n"));
        // One of them it sees sooner in the counters of the receiver.
        let read = name == RuleName::LedgerLosing
            || shipped.contains(&format!("spanledger_rule_state{{rule=\"{name}\"}}"))
            || shipped.contains(&format!("spanledger_rule_alerts{{rule=\"{name}\"}}"));
        assert!(expressed != read, "{name}: in the template {expressed}, read from the companion {read}");
        assert!(
            shipped.contains(&format!("- alert: {name}\n")),
            "{name} is not in alerts/spanledger.rules.yml"
        );
    }
}

#[test]
fn the_recipe_names_files_that_exist() {
    let contributing = read("CONTRIBUTING.md");
    let (_, recipe) = contributing.split_once("\n## Adding a rule\n").expect("the recipe");
    let recipe = recipe.split("\n## ").next().expect("text");
    let files: Vec<&str> = recipe.split('`').skip(1).step_by(2).filter(|word| word.contains('/')).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let of_the_new_rule = file.contains("NAME");
        assert!(of_the_new_rule || root().join(file).exists(), "{file}");
    }
}
