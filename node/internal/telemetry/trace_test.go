package telemetry

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// collect is a collector of traces that passes on what it receives.
type collect struct {
	collector.UnimplementedTraceServiceServer
	spans chan *tracepb.Span
}

func (c *collect) Export(_ context.Context, q *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	for _, r := range q.ResourceSpans {
		for _, s := range r.ScopeSpans {
			for _, span := range s.Spans {
				c.spans <- span
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func startCollector(t *testing.T) (*collect, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collect{spans: make(chan *tracepb.Span, 16)}
	s := grpc.NewServer()
	collector.RegisterTraceServiceServer(s, c)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return c, "http://" + l.Addr().String()
}

const (
	sampled   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

func TestSpansReachTheCollector(t *testing.T) {
	c, endpoint := startCollector(t)
	tel, _ := start(t, Options{Name: "node-1", OTLP: endpoint, TraceRatio: 0})
	above := tel.Tracer().Start(sampled, "head")
	below := tel.Tracer().Start(above.Traceparent(), "tail")
	below.SetInt("ringward.shard", 3)
	below.SetText("ringward.kind", "put")
	below.Fail("refused")
	below.End()
	above.End()
	// By the caller's choice this one is not recorded, and by the ratio the next.
	tel.Tracer().Start(unsampled, "unsampled").End()
	tel.Tracer().Start("", "alone").End()
	if err := tel.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	close(c.spans)
	got := map[string]*tracepb.Span{}
	for s := range c.spans {
		got[s.Name] = s
	}
	if len(got) != 2 || got["head"] == nil || got["tail"] == nil {
		t.Fatalf("collected are %v", got)
	}
	if p := hex.EncodeToString(got["head"].ParentSpanId); p != "b7ad6b7169203331" {
		t.Errorf("the head's span is below %s", p)
	}
	tail := got["tail"]
	if string(tail.ParentSpanId) != string(got["head"].SpanId) || hex.EncodeToString(tail.TraceId) != sampled[3:35] {
		t.Errorf("the tail's span is not below the head's: %v", tail)
	}
	if len(tail.Attributes) != 2 || tail.Status.Message != "refused" {
		t.Errorf("the tail's span is described as %v, %v", tail.Attributes, tail.Status)
	}
}

func TestRatioOfOwnTraces(t *testing.T) {
	c, endpoint := startCollector(t)
	tel, _ := start(t, Options{OTLP: endpoint, TraceRatio: 1})
	s := tel.Tracer().Start("", "alone")
	if p := s.Traceparent(); len(p) != len(sampled) || !strings.HasSuffix(p, "-01") {
		t.Errorf("its traceparent is %q", p)
	}
	s.End()
	if err := tel.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := <-c.spans; got.Name != "alone" || len(got.ParentSpanId) != 0 {
		t.Errorf("collected is %v", got)
	}
}

func TestNoCollectorNoSpans(t *testing.T) {
	tel, _ := start(t, Options{})
	s := tel.Tracer().Start(sampled, "head")
	s.SetInt("a", 1)
	s.SetText("b", "c")
	s.Fail("d")
	s.End()
	if p := s.Traceparent(); p != "" {
		t.Errorf("the traceparent of no span is %q", p)
	}
}

// outcome is an exporter that ends as it is told.
type outcome struct {
	sdktrace.SpanExporter
	err error
}

func (o *outcome) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return o.err }

func TestCollectorThatIsDown(t *testing.T) {
	s := &sink{}
	log, err := OpenLog(s, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	o := &outcome{}
	e := &exports{SpanExporter: o, log: log.Logger, endpoint: "http://collector:1"}
	down := errors.New("connection refused")
	for _, o.err = range []error{nil, down, down, nil, nil} {
		if err := e.ExportSpans(within(t), nil); err != nil {
			t.Errorf("%v is told to the global handler", err)
		}
	}
	if err := log.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	text := s.String()
	if strings.Count(text, "connection refused") != 1 || strings.Count(text, "takes traces again") != 1 {
		t.Errorf("want one line when it fails and one when it works again, got\n%s", text)
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add(sampled)
	f.Add(unsampled)
	f.Add("00-00000000000000000000000000000000-0000000000000000-01")
	f.Add("ff-x")
	log, err := OpenLog(&sink{}, "info", "text")
	if err != nil {
		f.Fatal(err)
	}
	// Nothing is recorded, so nothing is sent.
	tel, err := Open(context.Background(), Options{Log: log, OTLP: "http://127.0.0.1:1", TraceRatio: 0})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := tel.Tracer().Start(text, "x")
		if p := s.Traceparent(); len(p) != len(sampled) {
			t.Fatalf("%q leads to %q", text, p)
		}
	})
}
