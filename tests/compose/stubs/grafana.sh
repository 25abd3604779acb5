# A stub of Grafana: checks what Grafana needs of its container, then answers its health check.
set -eu
check() { # <what> <command>...
  what=$1
  shift
  "$@" >/dev/null || { echo "stub of Grafana: $what: failed: $*"; exit 1; }
  echo "stub of Grafana: $what: ok"
}
provisioning=/etc/grafana/provisioning
for file in "$provisioning"/datasources/*.yaml "$provisioning"/dashboards/*.yaml; do
  check "$file can be read" cat "$file"
done
for folder in $(sed -n 's/^ *path: //p' "$provisioning"/dashboards/*.yaml); do
  check "$folder has boards" ls "$folder"/*.json
  for board in "$folder"/*.json; do
    check "$board can be read" grep -q '"uid"' "$board"
  done
done
check "the home dashboard exists" cat "$GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
check "the volume can be written" mkdir -p /var/lib/grafana/stub
for setting in "$GF_ANALYTICS_REPORTING_ENABLED" "$GF_ANALYTICS_CHECK_FOR_UPDATES" \
  "$GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES" "$GF_NEWS_NEWS_FEED_ENABLED"; do
  check "nothing reports home" [ "$setting" = false ]
done
check "the password is set" [ -n "$GF_SECURITY_ADMIN_PASSWORD" ]
# Every data source answers under the address that provisioning gives it; Tempo's own answers later than Prometheus'.
for url in $(sed -n 's/^ *url: //p' "$provisioning"/datasources/*.yaml); do
  path=/ready
  case $url in *prometheus*) path=/-/ready ;; *companion*) path=/readyz ;; esac
  check "$url answers" wget -q -O - "$url$path"
done
mkdir -p /tmp/www/api/health
echo '{"database": "ok"}' > /tmp/www/api/health/index.html
exec httpd -f -p 3000 -h /tmp/www
