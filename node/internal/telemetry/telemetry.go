package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/ringward/ringward/shard"
)

// Options say who is watched, and how.
type Options struct {
	Name    string // of the node, for people
	Version string // of the program
	Log     *Log

	Ops      string // host:port of the HTTP server, port 0 for any free one; empty: none
	Insecure bool   // allow Ops beyond loopback
	// Ready says why the node cannot serve yet, if so. It is called from any goroutine.
	Ready func() error

	OTLP       string  // http or https URL of the collector of traces; empty: none
	TraceRatio float64 // part of the traces begun here that is recorded

	// StatusName names a status in labels; nil: as shard does.
	StatusName func(shard.Status) string
}

// Telemetry is all that a node tells people. Its owner closes it, and the Log after it.
type Telemetry struct {
	metrics *Metrics
	tracer  *Tracer
	ops     *opsServer

	closing  sync.Once
	closeErr error
}

// Open starts the HTTP server and, if asked to, the sending of traces.
func Open(ctx context.Context, o Options) (_ *Telemetry, err error) {
	t := &Telemetry{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("telemetry: %w", errors.Join(err, t.Close(ctx)))
		}
	}()
	res := resource.NewSchemaless(
		attribute.String("service.name", "ringward"),
		attribute.String("service.instance.id", o.Name),
		attribute.String("service.version", o.Version),
	)
	if t.metrics, err = newMetrics(res, o.StatusName, o.Log); err != nil {
		return nil, err
	}
	if o.OTLP != "" {
		if t.tracer, err = newTracer(ctx, o.OTLP, o.TraceRatio, res, o.Log.Logger); err != nil {
			return nil, err
		}
	}
	if o.Ops != "" {
		if t.ops, err = serveOps(o, t.metrics); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Metrics counts and measures.
func (t *Telemetry) Metrics() *Metrics { return t.metrics }

// Tracer begins spans; nil, which is a Tracer too, where traces go nowhere.
func (t *Telemetry) Tracer() *Tracer { return t.tracer }

// OpsAddress is where the HTTP server listens, empty without one.
func (t *Telemetry) OpsAddress() string {
	if t.ops == nil {
		return ""
	}
	return t.ops.address
}

// Close ends the HTTP server and sends the spans that are left, for as long as ctx lasts.
func (t *Telemetry) Close(ctx context.Context) error {
	t.closing.Do(func() {
		var errs []error
		if t.ops != nil {
			errs = append(errs, t.ops.close(ctx))
		}
		errs = append(errs, t.tracer.close(ctx))
		if t.metrics != nil {
			errs = append(errs, t.metrics.provider.Shutdown(ctx))
		}
		t.closeErr = errors.Join(errs...)
	})
	return t.closeErr
}
