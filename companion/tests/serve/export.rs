//! The exported rules with settings of one's own, as Prometheus' own tool reads them.

use std::path::PathBuf;
use std::process::Command;

use super::process::{run, spanledger};

const CONFIG: &str = r#"
[rules]
interval = "30s"
preset = "fixed"

[rules.HighFailureRate]
threshold = 0.25
min_calls = 5
window = "10m"
for = "2m"
severity = "warning"

[rules.HighFailureRate.models."gpt-4o"]
threshold = 0.9

[rules.CostOverrun]
threshold = 12.5
window = "1d"

[rules.CostOverrun.services.checkout]
threshold = 1.0

[rules.LedgerSilent]
window = "90s"
lookback = "36h"

[rules.RateLimited]
enabled = false

[rules.UsageMissing]
window = "1h30m"
keep_firing_for = "0s"
"#;

/// Six of twenty calls fail: more than a quarter, and less than the default half. They cost 13 dollars.
const TEST: &str = r#"
rule_files: [exported.yml]
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - series: spanledger_client_calls_total{job="chat", instance="a", spanledger_outcome="completed"}
        values: 14x30
      - series: spanledger_client_calls_total{job="chat", instance="a", spanledger_outcome="failed"}
        values: 6x30
      - series: spanledger_client_cost_USD_total{job="chat", instance="a"}
        values: 13x30
    promql_expr_test:
      - expr: ALERTS{alertname="HighFailureRate"}
        eval_time: 1m
        exp_samples:
          - labels: 'ALERTS{alertname="HighFailureRate", alertstate="pending", service="chat", severity="warning", source="prometheus"}'
            value: 1
      - expr: ALERTS{alertstate="firing"}
        eval_time: 5m
        exp_samples:
          - labels: 'ALERTS{alertname="CostOverrun", alertstate="firing", service="chat", severity="critical", source="prometheus"}'
            value: 1
          - labels: 'ALERTS{alertname="HighFailureRate", alertstate="firing", service="chat", severity="warning", source="prometheus"}'
            value: 1
          # Nothing came after the first point.
          - labels: 'ALERTS{alertname="LedgerSilent", alertstate="firing", severity="warning", source="prometheus"}'
            value: 1
"#;

#[test]
fn rules_with_settings_of_ones_own_are_valid_and_fire_by_them() {
    let Some(tools) = std::env::var_os("SPANLEDGER_TEST_TOOLS_BIN") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "SPANLEDGER_TEST_TOOLS_BIN must name the built programs on CI"
        );
        eprintln!("skipped: SPANLEDGER_TEST_TOOLS_BIN does not name the built programs");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write("spanledger.toml", CONFIG.as_bytes());
    let config = folder.path().join("spanledger.toml");
    let exported = run(spanledger().args(["rules", "export", "--config"]).arg(config));
    assert!(exported.status.success(), "{exported:?}");
    write("exported.yml", &exported.stdout);
    write("test.yml", TEST.as_bytes());
    for arguments in [
        ["check", "rules", "--lint=all", "--lint-fatal", "exported.yml"].as_slice(),
        &["test", "rules", "test.yml"],
    ] {
        let promtool = PathBuf::from(&tools).join("promtool");
        let output = run(Command::new(promtool).args(arguments).current_dir(folder.path()));
        let rules = String::from_utf8_lossy(&exported.stdout);
        assert!(output.status.success(), "{arguments:?}: {output:?}\n{rules}");
    }
}
