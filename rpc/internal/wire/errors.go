package wire

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/shard"
)

// Answers that are given on the way to a replica, never by one. They stand beside
// shard's own, so that one type carries every answer; nothing was applied.
const (
	// Invalid: the operation breaks a rule; Reason says which.
	Invalid shard.Status = 64
	// TooLarge: the key or value passes a limit; Reason names it.
	TooLarge shard.Status = 65
	// Unavailable: no node that could serve the operation was reached.
	Unavailable shard.Status = 66
)

// What errors.Is recognises in the errors that Error makes.
var (
	ErrNotFound        = errors.New("not found")
	ErrVersionMismatch = errors.New("version mismatch")
	ErrSessionExpired  = errors.New("session expired")
	ErrOpForgotten     = errors.New("op forgotten")
	ErrRefused         = errors.New("refused")
	// ErrOutcomeUnknown: the write may have been applied, may still be, or may never be.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	ErrOverloaded     = errors.New("overloaded")
	ErrInvalid        = errors.New("invalid")
	ErrTooLarge       = errors.New("too large")
	// ErrUnavailable: surely not applied.
	ErrUnavailable = errors.New("unavailable")
)

// outcomes is the one table of errors: an answer in the core, in the .proto files,
// as a gRPC code and as a Go error. The first two have the same numbers.
var outcomes = []struct {
	status shard.Status
	proto  kvpb.Status
	code   codes.Code
	err    error
}{
	{shard.OK, kvpb.Status_STATUS_OK, codes.OK, nil},
	{shard.NotFound, kvpb.Status_STATUS_NOT_FOUND, codes.NotFound, ErrNotFound},
	// ABORTED is gRPC's word for a failed test-and-set: read again, then write.
	{shard.VersionMismatch, kvpb.Status_STATUS_VERSION_MISMATCH, codes.Aborted, ErrVersionMismatch},
	{shard.SessionExpired, kvpb.Status_STATUS_SESSION_EXPIRED, codes.FailedPrecondition, ErrSessionExpired},
	{shard.OpForgotten, kvpb.Status_STATUS_OP_FORGOTTEN, codes.FailedPrecondition, ErrOpForgotten},
	{shard.Refused, kvpb.Status_STATUS_REFUSED, codes.Unavailable, ErrRefused},
	{shard.OutcomeUnknown, kvpb.Status_STATUS_OUTCOME_UNKNOWN, codes.Unknown, ErrOutcomeUnknown},
	{shard.Overloaded, kvpb.Status_STATUS_OVERLOADED, codes.ResourceExhausted, ErrOverloaded},
	{Invalid, kvpb.Status_STATUS_INVALID, codes.InvalidArgument, ErrInvalid},
	{TooLarge, kvpb.Status_STATUS_TOO_LARGE, codes.InvalidArgument, ErrTooLarge},
	{Unavailable, kvpb.Status_STATUS_UNAVAILABLE, codes.Unavailable, ErrUnavailable},
}

func known(s shard.Status) bool {
	for i := range outcomes {
		if outcomes[i].status == s {
			return true
		}
	}
	return false
}

// Error is what a result means to a Go program: nil for OK, else an error that
// errors.Is recognises, with the result's reason in its text.
func Error(res shard.Result) error {
	for _, o := range outcomes {
		if o.status == res.Status {
			if o.err != nil && res.Reason != "" {
				return fmt.Errorf("%w: %s", o.err, res.Reason)
			}
			return o.err
		}
	}
	return fmt.Errorf("%w: %v: %s", ErrOutcomeUnknown, res.Status, res.Reason)
}

// GRPC is what a result means to the caller of a unary method: nil for OK, else a gRPC
// status whose details hold the kvpb.Result.
func GRPC(res shard.Result) error {
	err := Error(res)
	if err == nil {
		return nil
	}
	code := codes.Unknown
	for _, o := range outcomes {
		if o.status == res.Status {
			code = o.code
		}
	}
	st := status.New(code, err.Error())
	detail := &kvpb.Result{Status: kvpb.Status(res.Status), Version: uint64(res.Version), Reason: res.Reason}
	if len(res.Chain) <= maxResultChain {
		for _, c := range res.Chain {
			detail.Chain = append(detail.Chain, ConfigurationToProto(c))
		}
	}
	if detailed, err := st.WithDetails(detail); err == nil {
		st = detailed
	}
	return st.Err()
}
