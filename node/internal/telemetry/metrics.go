package telemetry

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/ringward/ringward/shard"
)

// Bounds of the histograms' buckets.
var (
	latencyBounds = []float64{ // seconds
		50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 100e-3, 200e-3, 500e-3, 1, 2, 5, 10, 30,
	}
	batchBounds = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096}
)

// Metrics counts and measures what a node does. All methods may be called at once.
type Metrics struct {
	registry   *prometheus.Registry
	provider   *sdkmetric.MeterProvider
	statusName func(shard.Status) string

	// answers counts those by kind and status, for the counter of operations: an instrument of its own would cost more than the counting.
	answers   [lastKind + 1][256]atomic.Int64
	latency   metric.Float64Histogram
	latencies [lastKind + 1]labels

	messages metric.Int64Counter
	sent     [lastMessage + 1]labels
	received [lastMessage + 1]labels

	heartbeats    metric.Int64Counter
	beatsSent     labels
	beatsReceived labels

	streams       metric.Int64UpDownCounter
	streamsOpened metric.Int64Counter
	streamsClosed metric.Int64Counter

	fsync        metric.Float64Histogram
	fsyncRecords metric.Int64Histogram

	events eventMetrics
}

const (
	lastKind    = shard.OpenSession
	lastMessage = shard.MsgServed
)

// labels are the attributes of one series in the forms in which instruments take them. Made
// beforehand, they cost nothing when something is recorded.
type labels struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

func with(kv ...attribute.KeyValue) labels {
	set := metric.WithAttributeSet(attribute.NewSet(kv...))
	return labels{add: []metric.AddOption{set}, record: []metric.RecordOption{set}}
}

// word turns names such as "VersionMismatch" or "version mismatch" into one form for labels.
func word(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "_") }

var kindNames = [lastKind + 1]string{"other", shard.Get: "get", shard.Put: "put", shard.Delete: "delete", shard.OpenSession: "open_session"}

func newMetrics(res *resource.Resource, statusName func(shard.Status) string, log *Log) (*Metrics, error) {
	if statusName == nil {
		statusName = shard.Status.String
	}
	m := &Metrics{registry: prometheus.NewRegistry(), statusName: statusName}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprom.New(otelprom.WithRegisterer(m.registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	m.provider = sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter),
		sdkmetric.WithResource(res),
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter),
		// All labels are of this cluster: shards, nodes and the words of the protocol bound them.
		sdkmetric.WithCardinalityLimit(0),
	)
	in := instruments{meter: m.provider.Meter("ringward")}
	in.observe("ringward.operations", "{operation}", "Operations answered, by kind and status.", m.observeAnswers)
	m.latency = in.durations("ringward.operation.duration", "Time from an operation's arrival to its answer, by kind.")
	m.messages = in.counter("ringward.messages", "{message}", "Messages between replicas on different nodes, by kind (as wedge) and direction.")
	m.heartbeats = in.counter("ringward.heartbeats", "{heartbeat}", "Signs of life between nodes, by direction.")
	m.streams = in.upDown("ringward.peer.streams", "{stream}", "Streams from other nodes that are open.")
	m.streamsOpened = in.counter("ringward.peer.streams.opened", "{stream}", "Streams from other nodes that were opened.")
	m.streamsClosed = in.counter("ringward.peer.streams.closed", "{stream}", "Streams from other nodes that have ended.")
	m.fsync = in.durations("ringward.fsync.duration", "Time to write and sync one batch of the history log.")
	m.fsyncRecords = in.sizes("ringward.fsync.records", "{record}", "Records made durable by one sync.")
	m.events = newEventMetrics(&in)
	in.observe("ringward.log.lines.dropped", "{line}", "Log lines lost because they came faster than they could be written.",
		func(o metric.Int64Observer) { o.Observe(log.Dropped()) })

	for k := range m.latencies {
		m.latencies[k] = with(attribute.String("kind", kindNames[k]))
	}
	for k := range m.sent {
		kind := attribute.String("kind", word(shard.MessageKind(k).String()))
		m.sent[k], m.received[k] = with(kind, sentDirection), with(kind, receivedDirection)
	}
	m.beatsSent, m.beatsReceived = with(sentDirection), with(receivedDirection)
	return m, errors.Join(in.errs...)
}

var (
	sentDirection     = attribute.String("direction", "sent")
	receivedDirection = attribute.String("direction", "received")
)

// Operation takes note of an answer and how long it took.
func (m *Metrics) Operation(kind shard.RequestKind, status shard.Status, took time.Duration) {
	if kind > lastKind {
		kind = 0
	}
	m.answers[kind][status].Add(1)
	m.latency.Record(context.Background(), took.Seconds(), m.latencies[kind].record...)
}

// observeAnswers tells what answers has counted.
func (m *Metrics) observeAnswers(o metric.Int64Observer) {
	for kind := range m.answers {
		for status := range m.answers[kind] {
			if n := m.answers[kind][status].Load(); n > 0 {
				o.Observe(n, metric.WithAttributes(
					attribute.String("kind", kindNames[kind]), attribute.String("status", word(m.statusName(shard.Status(status))))))
			}
		}
	}
}

// Observe measures from now until the answer.
func (m *Metrics) Observe(q shard.Request, answer func(shard.Result)) func(shard.Result) {
	kind, begin := q.Kind, time.Now()
	return func(r shard.Result) {
		m.Operation(kind, r.Status, time.Since(begin))
		answer(r)
	}
}

// Sent and Received count messages between nodes.
func (m *Metrics) Sent(messages []shard.Message)     { m.count(messages, &m.sent) }
func (m *Metrics) Received(messages []shard.Message) { m.count(messages, &m.received) }

func (m *Metrics) count(messages []shard.Message, by *[lastMessage + 1]labels) {
	var n [lastMessage + 1]int64
	for i := range messages {
		if k := messages[i].Kind; k <= lastMessage {
			n[k]++
		}
	}
	for k, n := range n {
		if n > 0 {
			m.messages.Add(context.Background(), n, by[k].add...)
		}
	}
}

// Heartbeat counts a sign of life from another node.
func (m *Metrics) Heartbeat() { m.heartbeats.Add(context.Background(), 1, m.beatsReceived.add...) }

// HeartbeatsSent counts n signs of life to other nodes.
func (m *Metrics) HeartbeatsSent(n int) {
	m.heartbeats.Add(context.Background(), int64(n), m.beatsSent.add...)
}

// StreamOpened and StreamClosed take note of a stream from another node.
func (m *Metrics) StreamOpened() {
	m.streams.Add(context.Background(), 1)
	m.streamsOpened.Add(context.Background(), 1)
}

func (m *Metrics) StreamClosed() {
	m.streams.Add(context.Background(), -1)
	m.streamsClosed.Add(context.Background(), 1)
}

// Fsync takes note of one batch that was made durable.
func (m *Metrics) Fsync(took time.Duration, records int) {
	m.fsync.Record(context.Background(), took.Seconds())
	m.fsyncRecords.Record(context.Background(), int64(records))
}

// instruments makes instruments and gathers what goes wrong.
type instruments struct {
	meter metric.Meter
	errs  []error
}

func made[T any](in *instruments, instrument T, err error) T {
	in.errs = append(in.errs, err)
	return instrument
}

func (in *instruments) counter(name, unit, doc string) metric.Int64Counter {
	c, err := in.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(doc))
	return made(in, c, err)
}

func (in *instruments) upDown(name, unit, doc string) metric.Int64UpDownCounter {
	c, err := in.meter.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(doc))
	return made(in, c, err)
}

func (in *instruments) durations(name, doc string) metric.Float64Histogram {
	h, err := in.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(doc),
		metric.WithExplicitBucketBoundaries(latencyBounds...))
	return made(in, h, err)
}

func (in *instruments) sizes(name, unit, doc string) metric.Int64Histogram {
	h, err := in.meter.Int64Histogram(name, metric.WithUnit(unit), metric.WithDescription(doc),
		metric.WithExplicitBucketBoundaries(batchBounds...))
	return made(in, h, err)
}

func (in *instruments) gauge(name, unit, doc string) metric.Int64ObservableGauge {
	g, err := in.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(doc))
	return made(in, g, err)
}

// observe makes a counter that is read when it is scraped.
func (in *instruments) observe(name, unit, doc string, read func(metric.Int64Observer)) {
	_, err := in.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(doc),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			read(o)
			return nil
		}))
	in.errs = append(in.errs, err)
}
