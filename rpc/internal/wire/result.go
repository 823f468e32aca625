package wire

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/ringward/ringward/shard"
)

// Fields of kvpb.OperateResponse and kvpb.Result.
const (
	operateResults = 1

	resultID      = 1
	resultStatus  = 2
	resultVersion = 3
	resultValue   = 4
	resultChain   = 5
	resultReason  = 6
)

// maxResultChain bounds the configurations in one result. A longer chain is left out
// whole: a part of it would claim that its first configuration was ACTIVE at all its
// members, which only the true first was.
const maxResultChain = 1024

// AppendResult adds the result of operation id to the bytes of an OperateResponse.
func AppendResult(b []byte, id uint64, res *shard.Result) []byte {
	b, start := begin(b, operateResults)
	b = appendUint(b, resultID, id)
	b = appendUint(b, resultStatus, uint64(res.Status))
	b = appendUint(b, resultVersion, uint64(res.Version))
	b = appendBytes(b, resultValue, res.Value)
	if len(res.Chain) <= maxResultChain {
		b = appendChain(b, resultChain, res.Chain)
	}
	b = appendBytes(b, resultReason, strings.ToValidUTF8(res.Reason, "?"))
	return end(b, start)
}

// DecodeResults calls f with each result of an OperateResponse, in order. What
// it passes aliases nothing, so that a small value does not keep a large batch
// in memory. After an error, f has been called for those before the damage.
func DecodeResults(b []byte, f func(id uint64, res shard.Result)) error {
	r := reader{b: b}
	for {
		num, ok := r.next()
		switch {
		case !ok && r.err != nil:
			return fmt.Errorf("results: %w", r.err)
		case !ok:
			return nil
		case num == operateResults:
			if id, res := r.result(); r.err == nil {
				f(id, res)
			}
		default:
			r.skip(num)
		}
	}
}

func (r *reader) result() (id uint64, res shard.Result) {
	in := r.inner()
	status := uint64(0)
	for {
		num, ok := in.next()
		if !ok {
			break
		}
		switch num {
		case resultID:
			id = in.uint()
		case resultStatus:
			status = in.uint()
		case resultVersion:
			res.Version = shard.Seqno(in.uint())
		case resultValue:
			res.Value = bytes.Clone(in.bytes())
		case resultChain:
			if res.Chain = append(res.Chain, in.configuration()); len(res.Chain) > maxResultChain {
				in.fail(fmt.Errorf("chain of more than %d configurations", maxResultChain))
			}
		case resultReason:
			res.Reason = in.string()
		default:
			in.skip(num)
		}
	}
	if in.err == nil && len(res.Chain) > 0 {
		in.err = res.Chain.Valid()
	}
	if in.err != nil {
		r.fail(in.err)
		return 0, shard.Result{}
	}
	if status > math.MaxUint8 || !known(shard.Status(status)) {
		// Of a newer node. It may mean that the write was applied.
		res.Reason = fmt.Sprintf("status %d is unknown here: %s", status, res.Reason)
		status = uint64(shard.OutcomeUnknown)
	}
	res.Status = shard.Status(status)
	return id, res
}
