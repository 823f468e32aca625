package client

import (
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/ringward/ringward/rpc/kvpb"
)

func TestACallIsASpanThatNodesContinue(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	c := newCluster(t, 1, []int{0})
	client := c.open(WithTracerProvider(provider))

	ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
	c.play(first(put, answer(kvpb.Status_STATUS_REFUSED)))
	if _, err := client.Put(ctx, "secret", []byte("v")); err != nil {
		t.Fatal(err)
	}
	c.play(always(put, answer(kvpb.Status_STATUS_TOO_LARGE)))
	_, err := client.Put(ctx, "secret", nil)
	is(t, err, ErrTooLarge)
	ended := recorder.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans, want one for each call", len(ended))
	}
	for i, span := range ended {
		if span.Parent().SpanID() != parent.SpanContext().SpanID() || span.SpanKind() != trace.SpanKindClient || span.Name() != "ringward.put" {
			t.Errorf("span %q of kind %v is under %v", span.Name(), span.SpanKind(), span.Parent().SpanID())
		}
		attributes := map[string]string{}
		for _, a := range span.Attributes() {
			attributes[string(a.Key)] = a.Value.String()
		}
		want := map[string]string{"db.system.name": "ringward", "db.operation.name": "put", "ringward.shard": "1",
			"ringward.attempts": []string{"2", "1"}[i]}
		for k, v := range want {
			if attributes[k] != v {
				t.Errorf("attribute %s = %q, want %q", k, attributes[k], v)
			}
		}
		if len(attributes) != len(want) {
			t.Errorf("attributes are %v, want only %v", attributes, want)
		}
	}
	if s := ended[0].Status(); s.Code != codes.Unset {
		t.Errorf("the call that ended well has status %+v", s)
	}
	if s := ended[1].Status(); s.Code != codes.Error || s.Description != "too large" {
		t.Errorf("the call that failed has status %+v", s)
	}
	first := ended[0].SpanContext()
	want := "00-" + first.TraceID().String() + "-" + first.SpanID().String() + "-01"
	for _, s := range c.sightings(put)[:2] {
		if s.op.Traceparent != want {
			t.Errorf("the node got traceparent %q, want %q", s.op.Traceparent, want)
		}
	}
}

func TestWithoutAProviderNothingIsTraced(t *testing.T) {
	c := newCluster(t, 1, []int{0})
	client := c.open(WithTracerProvider(nil))
	ctx, _ := sdktrace.NewTracerProvider().Tracer("test").Start(t.Context(), "parent")
	if _, err := client.Put(ctx, "k", nil); err != nil {
		t.Fatal(err)
	}
	if s := c.sightings(put)[0]; s.op.Traceparent != "" {
		t.Errorf("the node got traceparent %q", s.op.Traceparent)
	}
}
