package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer begins spans and sends those that are finished to a collector. The nil Tracer does
// nothing, at no cost.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// newTracer sends to endpoint, an http or https URL. That nobody listens there is no error.
func newTracer(ctx context.Context, endpoint string, ratio float64, res *resource.Resource, log *slog.Logger) (*Tracer, error) {
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("traces to %s: %w", endpoint, err)
	}
	provider := sdktrace.NewTracerProvider(
		// The processor drops what does not fit into its queue; nobody waits for the collector.
		sdktrace.WithBatcher(&exports{SpanExporter: exporter, log: log, endpoint: endpoint}),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
		sdktrace.WithResource(res),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer("ringward")}, nil
}

// Start begins a span below the one that a W3C traceparent names, or a trace of its own where the
// text is empty or is none.
func (t *Tracer) Start(traceparent, name string) Span {
	if t == nil {
		return Span{}
	}
	_, s := t.tracer.Start(below(traceparent), name, trace.WithSpanKind(trace.SpanKindServer))
	return Span{s}
}

func below(traceparent string) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), carrier{&traceparent})
}

func (t *Tracer) close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Span is one step on the way of an operation. The zero Span records nothing.
type Span struct{ span trace.Span }

// Traceparent is what names the span to others, empty for the zero Span.
func (s Span) Traceparent() (text string) {
	if s.span != nil {
		propagation.TraceContext{}.Inject(trace.ContextWithSpan(context.Background(), s.span), carrier{&text})
	}
	return text
}

// SetInt and SetText describe the span further.
func (s Span) SetInt(key string, value int64) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int64(key, value))
	}
}

func (s Span) SetText(key, value string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// Fail marks the span as one that did not do what it was begun for.
func (s Span) Fail(reason string) {
	if s.span != nil {
		s.span.SetStatus(codes.Error, reason)
	}
}

// End finishes the span.
func (s Span) End() {
	if s.span != nil {
		s.span.End()
	}
}

// carrier holds a traceparent, and no tracestate.
type carrier struct{ traceparent *string }

var _ propagation.TextMapCarrier = carrier{}

const traceparentKey = "traceparent"

func (c carrier) Get(key string) string {
	if key == traceparentKey {
		return *c.traceparent
	}
	return ""
}

func (c carrier) Set(key, value string) {
	if key == traceparentKey {
		*c.traceparent = value
	}
}

func (c carrier) Keys() []string { return []string{traceparentKey} }

// exports tells the node's log, and no global one, when the collector cannot be reached, and when it can again.
type exports struct {
	sdktrace.SpanExporter
	log      *slog.Logger
	endpoint string

	mu      sync.Mutex
	failing bool
}

func (e *exports) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil && !e.failing:
		e.log.Warn("traces are lost: the collector does not take them", "endpoint", e.endpoint, "error", err)
	case err == nil && e.failing:
		e.log.Info("the collector takes traces again", "endpoint", e.endpoint)
	}
	e.failing = err != nil
	return nil
}
