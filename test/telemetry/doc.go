// Package telemetry has tests of what the built gateway tells of itself: traces, to a collector that speaks OTLP, and metrics, to a real Prometheus with the alert
// rules and the dashboards of deploy/.
package telemetry
