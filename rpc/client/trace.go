package client

import (
	"encoding/hex"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Attributes of a call's span. Keys and values are the user's and stay out.
const (
	attributeSystem   = attribute.Key("db.system.name")
	attributeVerb     = attribute.Key("db.operation.name")
	attributeShard    = attribute.Key("ringward.shard")
	attributeAttempts = attribute.Key("ringward.attempts")
)

// trace begins the span of a call, if spans are wanted, and hands it to the nodes. What
// it returns ends the span.
func (o *call) trace() func(error) {
	tracer := o.client.options.tracer
	if tracer == nil {
		return func(error) {}
	}
	ctx, span := tracer.Start(o.ctx, "ringward."+o.verb, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attributeSystem.String("ringward"),
		attributeVerb.String(o.verb),
		attributeShard.Int64(int64(o.op.Shard)),
	))
	o.ctx = ctx
	o.op.Traceparent = traceparent(span.SpanContext())
	return func(err error) {
		span.SetAttributes(attributeAttempts.Int(o.course.Attempts()))
		// A missing key or a condition that fails is an answer like others.
		failure := new(opError)
		if errors.As(err, &failure) && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrVersionMismatch) {
			span.SetStatus(codes.Error, failure.kinds[0].Error())
		}
		span.End()
	}
}

// traceparent is the W3C form of a span's context, version 00; empty without one.
func traceparent(c trace.SpanContext) string {
	if !c.IsValid() {
		return ""
	}
	id, span := c.TraceID(), c.SpanID()
	b := append(make([]byte, 0, 55), "00-"...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, span[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, []byte{byte(c.TraceFlags())})
	return string(b)
}
