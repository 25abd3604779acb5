#[test]
fn print_rules() {
    println!("{}", toml::to_string(&crate::rule::config::RulesConfig::default()).unwrap());
}
