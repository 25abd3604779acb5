// Asks a Prometheus HTTP API everything that Prometheus' own Go client can ask, and prints one line for each method.
//
//	promclient ADDRESS EXPRESSION SELECTOR START END
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: promclient ADDRESS EXPRESSION SELECTOR START END")
		os.Exit(2)
	}
	client, err := api.NewClient(api.Config{Address: os.Args[1]})
	check("client", nil, err)
	prometheus, context := v1.NewAPI(client), context.Background()
	expression, selectors := os.Args[2], []string{os.Args[3]}
	start, end := seconds(os.Args[4]), seconds(os.Args[5])

	value, _, err := prometheus.Query(context, expression, end)
	check("query", value, err)
	value, _, err = prometheus.QueryRange(context, expression, v1.Range{Start: start, End: end, Step: end.Sub(start) / 4})
	check("query_range", value, err)
	series, _, err := prometheus.Series(context, selectors, start, end)
	check("series", series, err)
	names, _, err := prometheus.LabelNames(context, selectors, start, end)
	check("labels", names, err)
	values, _, err := prometheus.LabelValues(context, "service_name", selectors, start, end)
	check("values", values, err)
	metadata, err := prometheus.Metadata(context, "", "")
	check("metadata", metadata, err)
	rules, err := prometheus.Rules(context, nil)
	check("rules", rules.Groups, err)
	alerts, err := prometheus.Alerts(context)
	check("alerts", alerts.Alerts, err)
	build, err := prometheus.Buildinfo(context)
	check("buildinfo", build, err)
}

func seconds(text string) time.Time {
	number, err := strconv.ParseInt(text, 10, 64)
	check("time", nil, err)
	return time.Unix(number, 0)
}

func check(method string, result any, err error) {
	if err != nil {
		fmt.Printf("%s failed: %v\n", method, err)
		os.Exit(1)
	}
	if result != nil {
		text, err := json.Marshal(result)
		check(method, nil, err)
		fmt.Printf("%s %s\n", method, text)
	}
}
