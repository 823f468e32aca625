package wire

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ringward/ringward/shard"
)

// MaxHops is how often an operation may be forwarded. Two are enough for a node that knows an
// older configuration than the one it asks; more means that nodes disagree.
const MaxHops = 2

// MaxOperations bounds the operations of one message: they take far more memory than bytes.
const MaxOperations = 1 << 15

// Operation is a request on its way to a replica.
type Operation struct {
	// ID is the sender's name for it on one stream.
	ID uint64
	shard.Request
	// Hops counts how often nodes have forwarded it.
	Hops int
	// Traceparent is the W3C trace context, empty if there is none.
	Traceparent string
}

// Fields of kvpb.OperateRequest and kvpb.Operation.
const (
	operateOperations = 1

	operationID          = 1
	operationShard       = 2
	operationKind        = 3
	operationKey         = 4
	operationValue       = 5
	operationIfVersion   = 6
	operationSession     = 7
	operationOp          = 8
	operationOldest      = 9
	operationStale       = 10
	operationHops        = 11
	operationTraceparent = 12
)

// AppendOperation adds one operation to the bytes of an OperateRequest.
func AppendOperation(b []byte, op *Operation) []byte {
	b, start := begin(b, operateOperations)
	b = appendUint(b, operationID, op.ID)
	b = appendUint(b, operationShard, uint64(op.Shard))
	b = appendUint(b, operationKind, uint64(op.Kind))
	b = appendBytes(b, operationKey, op.Key)
	b = appendBytes(b, operationValue, op.Value)
	if op.If.Set {
		b = protowire.AppendTag(b, operationIfVersion, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(op.If.Version))
	}
	b = appendUint(b, operationSession, uint64(op.Identity.Session))
	b = appendUint(b, operationOp, op.Identity.Op)
	b = appendUint(b, operationOldest, op.Identity.Oldest)
	b = appendBool(b, operationStale, op.Stale)
	b = appendUint(b, operationHops, uint64(op.Hops))
	b = appendBytes(b, operationTraceparent, op.Traceparent)
	return end(b, start)
}

// DecodeOperations adds the operations of an OperateRequest to ops. Their keys and
// values alias b. What they ask for is for Check to judge.
func DecodeOperations(ops []Operation, b []byte) ([]Operation, error) {
	r := reader{b: b}
	for {
		num, ok := r.next()
		switch {
		case !ok && r.err != nil:
			return nil, fmt.Errorf("operations: %w", r.err)
		case !ok:
			return ops, nil
		case num == operateOperations:
			if len(ops) == MaxOperations {
				return nil, fmt.Errorf("operations: more than %d in one message", MaxOperations)
			}
			ops = append(ops, Operation{})
			r.operation(&ops[len(ops)-1])
		default:
			r.skip(num)
		}
	}
}

func (r *reader) operation(op *Operation) {
	in := r.inner()
	for {
		num, ok := in.next()
		if !ok {
			break
		}
		switch num {
		case operationID:
			op.ID = in.uint()
		case operationShard:
			op.Shard = shard.ID(in.uint32())
		case operationKind:
			op.Kind = shard.RequestKind(min(in.uint(), math.MaxUint8))
		case operationKey:
			op.Key = in.bytes()
		case operationValue:
			op.Value = in.bytes()
		case operationIfVersion:
			op.If = shard.Condition{Set: true, Version: shard.Seqno(in.uint())}
		case operationSession:
			op.Identity.Session = shard.SessionID(in.uint())
		case operationOp:
			op.Identity.Op = in.uint()
		case operationOldest:
			op.Identity.Oldest = in.uint()
		case operationStale:
			op.Stale = in.bool()
		case operationHops:
			op.Hops = int(min(in.uint32(), math.MaxInt32))
		case operationTraceparent:
			op.Traceparent = Traceparent(in.bytes())
		default:
			in.skip(num)
		}
	}
	if in.err != nil {
		r.fail(in.err)
	}
}

// Traceparent returns b if it is a well-formed W3C trace context of version 00, or
// nothing. No operation depends on it, so a bad one is no error.
func Traceparent[T []byte | string](b T) string {
	const form = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh"
	if len(b) != len(form) {
		return ""
	}
	for i := range len(b) {
		c := b[i]
		hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f'
		if form[i] == 'h' && !hex || form[i] != 'h' && form[i] != c {
			return ""
		}
	}
	return string(b)
}

// Limits bound one operation, in bytes.
type Limits struct {
	KeyBytes, ValueBytes int
}

// Check reports whether the operation may go on to a replica. If not, the result answers it.
func (op *Operation) Check(l Limits) (shard.Result, bool) {
	invalid := func(format string, args ...any) (shard.Result, bool) {
		return shard.Result{Status: Invalid, Reason: fmt.Sprintf(format, args...)}, false
	}
	write := op.Kind == shard.Put || op.Kind == shard.Delete
	id := op.Identity
	switch {
	case op.Kind < shard.Get || op.Kind > shard.OpenSession:
		return invalid("kind of operation %d: want %d to %d", op.Kind, shard.Get, shard.OpenSession)
	case len(op.Key) == 0 && (op.Kind != shard.OpenSession || op.Shard == 0):
		return invalid("key is empty")
	case len(op.Key) > l.KeyBytes:
		return shard.Result{Status: TooLarge, Reason: fmt.Sprintf("key of %d bytes, the limit is %d", len(op.Key), l.KeyBytes)}, false
	case len(op.Value) > l.ValueBytes:
		return shard.Result{Status: TooLarge, Reason: fmt.Sprintf("value of %d bytes, the limit is %d", len(op.Value), l.ValueBytes)}, false
	case len(op.Value) > 0 && op.Kind != shard.Put:
		return invalid("only a put carries a value")
	case op.If.Set && !write:
		return invalid("only a put or delete carries a condition")
	case op.If.Set && op.If.Version == math.MaxUint64:
		return invalid("condition names version %d: want less", op.If.Version)
	case id != (shard.Identity{}) && !write:
		return invalid("only a put or delete carries an identity")
	case id.Session == 0 && (id.Op != 0 || id.Oldest != 0):
		return invalid("op %d, oldest %d without a session", id.Op, id.Oldest)
	case id.Session != 0 && (id.Oldest == 0 || id.Oldest > id.Op):
		return invalid("op %d of session %d, oldest %d: want 1 <= oldest <= op", id.Op, id.Session, id.Oldest)
	case op.Stale && op.Kind != shard.Get:
		return invalid("only a get can be stale")
	case op.Hops > MaxHops:
		return shard.Result{Status: shard.Refused, Reason: fmt.Sprintf("forwarded %d times, the limit is %d", op.Hops, MaxHops)}, false
	}
	return shard.Result{}, true
}
