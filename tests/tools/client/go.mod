// Asks the companion's part of Prometheus' HTTP API with Prometheus' own client.
module spanledger.invalid/tools/promclient

go 1.25.0

require github.com/prometheus/client_golang v1.24.1

require (
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/prometheus/client_model v0.6.2 // indirect
	github.com/prometheus/common v0.70.1 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)
