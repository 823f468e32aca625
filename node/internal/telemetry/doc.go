// Package telemetry is how a node tells people what it does: metrics, traces, logs, and an HTTP server
// for those who watch it. It hangs on what the rest reports, and nothing depends on it: a collector
// that is down, a terminal that is stopped or a slow scrape costs the data path nothing.
//
//	Log        slog through a bounded buffer; what does not fit is dropped and counted
//	Metrics    OpenTelemetry instruments behind methods in the words of the protocol; recording
//	           one operation allocates nothing
//	Span       a step of one operation's way, which travels as a W3C traceparent
//	Telemetry  all of it, with the server of /metrics, /livez and /readyz
//
// Nothing here is global: two nodes of one process do not meet.
package telemetry
