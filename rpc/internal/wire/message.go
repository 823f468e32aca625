package wire

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ringward/ringward/shard"
)

// Protocol is the version of peer.proto that this code speaks.
const Protocol = 1

// maxTraces bounds the traces of one message: they take far more memory than bytes.
const maxTraces = 1 << 15

// Heartbeat is a node's sign of life.
type Heartbeat struct {
	// Boot counts how often the data directory was opened.
	Boot uint64
	// Tick counts the node's ticks since then.
	Tick uint64
	// StorageStalled is for how long the oldest write to disk has been unanswered, on the wire
	// in whole milliseconds.
	StorageStalled time.Duration
}

// Fields of peerpb.PeerBatch, peerpb.Message, peerpb.View and peerpb.IAmAlive.
const (
	batchMessages = 2
	batchAlive    = 3

	messageKind       = 1
	messageShard      = 2
	messageEpoch      = 3
	messageNumber     = 4
	messageLinkAsk    = 5
	messageLinkAnswer = 6
	messageState      = 7
	messageSynced     = 8
	messageUnknown    = 9
	messageActive     = 10
	messageBase       = 11
	messageLast       = 12
	messageCut        = 13
	messageCommit     = 14
	messageHash       = 15
	messageLineage    = 16
	messageChain      = 17
	messageEntries    = 18
	messageSuspects   = 19
	messageTraces     = 20
	messageKey        = 21
	messageData       = 22
	messageSum        = 23
	messageDone       = 24
	messageTook       = 25
	messageRuledAt    = 26
	messageRuling     = 27

	traceSeqno  = 1
	traceParent = 2

	viewEpoch = 1
	viewSeqno = 2

	aliveBoot    = 1
	aliveTick    = 2
	aliveStalled = 3
)

// AppendMessage adds one message to the bytes of a PeerBatch. From and To do not go
// along: they are those of the stream.
func AppendMessage(b []byte, m *shard.Message) []byte {
	b, start := begin(b, batchMessages)
	b = appendUint(b, messageKind, uint64(m.Kind))
	b = appendUint(b, messageShard, uint64(m.Shard))
	b = appendUint(b, messageEpoch, uint64(m.Epoch))
	b = appendFixed(b, messageNumber, uint64(m.Number))
	b = appendFixed(b, messageLinkAsk, uint64(m.Link.Ask))
	b = appendFixed(b, messageLinkAnswer, uint64(m.Link.Answer))
	b = appendUint(b, messageState, uint64(m.State))
	b = appendBool(b, messageSynced, m.Synced)
	b = appendBool(b, messageUnknown, m.Unknown)
	b = appendUint(b, messageActive, uint64(m.Active))
	b = appendUint(b, messageBase, uint64(m.Base))
	b = appendUint(b, messageLast, uint64(m.Last))
	b = appendUint(b, messageCut, uint64(m.Cut))
	b = appendUint(b, messageCommit, uint64(m.Commit))
	b = appendFixed(b, messageHash, m.Hash)
	for _, v := range m.Lineage {
		var view int
		b, view = begin(b, messageLineage)
		b = appendUint(b, viewEpoch, uint64(v.Epoch))
		b = appendUint(b, viewSeqno, uint64(v.Seqno))
		b = end(b, view)
	}
	b = appendChain(b, messageChain, m.Chain)
	for _, e := range m.Entries {
		b = appendBytes(b, messageEntries, []byte(e))
	}
	if len(m.Suspects) > 0 {
		var list int
		b, list = begin(b, messageSuspects)
		for _, n := range m.Suspects {
			b = protowire.AppendFixed64(b, uint64(n))
		}
		b = end(b, list)
	}
	for _, t := range m.Traces {
		var trace int
		b, trace = begin(b, messageTraces)
		b = appendUint(b, traceSeqno, uint64(t.Seqno))
		b = appendBytes(b, traceParent, t.Parent)
		b = end(b, trace)
	}
	b = appendBytes(b, messageKey, m.Key)
	b = appendBytes(b, messageData, m.Data)
	b = appendFixed(b, messageSum, m.Sum)
	b = appendBool(b, messageDone, m.Done)
	if len(m.Took) > 0 {
		var list int
		b, list = begin(b, messageTook)
		for _, took := range m.Took {
			b = protowire.AppendFixed64(b, took)
		}
		b = end(b, list)
	}
	b = appendUint(b, messageRuledAt, m.Ruling.At)
	b = appendChain(b, messageRuling, m.Ruling.Chain)
	return end(b, start)
}

// AppendAlive adds a heartbeat to the bytes of a PeerBatch.
func AppendAlive(b []byte, h Heartbeat) []byte {
	b, start := begin(b, batchAlive)
	b = appendUint(b, aliveBoot, h.Boot)
	b = appendUint(b, aliveTick, h.Tick)
	b = appendUint(b, aliveStalled, uint64(max(h.StorageStalled, 0)/time.Millisecond))
	return end(b, start)
}

// Batch is what one PeerBatch holds after the hello.
type Batch struct {
	Messages []shard.Message
	Alive    Heartbeat
	HasAlive bool
}

// DecodeBatch reads a PeerBatch that came on a stream from one node to another. All its
// messages are valid and belong to the given traffic. Their entries alias b.
func DecodeBatch(b []byte, from, to shard.NodeID, traffic shard.Traffic) (Batch, error) {
	r := reader{b: b}
	var batch Batch
	for {
		num, ok := r.next()
		switch {
		case !ok && r.err != nil:
			return Batch{}, fmt.Errorf("batch from %v: %w", from, r.err)
		case !ok:
			return batch, nil
		case num == batchMessages:
			batch.Messages = append(batch.Messages, shard.Message{From: from, To: to})
			r.message(&batch.Messages[len(batch.Messages)-1], traffic)
		case num == batchAlive:
			batch.HasAlive = true
			r.alive(&batch.Alive)
		default:
			r.skip(num)
		}
	}
}

func (r *reader) message(m *shard.Message, traffic shard.Traffic) {
	in := r.inner()
	var suspects []uint64
	for {
		num, ok := in.next()
		if !ok {
			break
		}
		switch num {
		case messageKind:
			m.Kind = shard.MessageKind(min(in.uint(), math.MaxUint8))
		case messageShard:
			m.Shard = shard.ID(in.uint32())
		case messageEpoch:
			m.Epoch = shard.Epoch(in.uint())
		case messageNumber:
			m.Number = shard.Number(in.fixed())
		case messageLinkAsk:
			m.Link.Ask = shard.Number(in.fixed())
		case messageLinkAnswer:
			m.Link.Answer = shard.Number(in.fixed())
		case messageState:
			m.State = shard.State(min(in.uint(), math.MaxUint8))
		case messageSynced:
			m.Synced = in.bool()
		case messageUnknown:
			m.Unknown = in.bool()
		case messageActive:
			m.Active = shard.Epoch(in.uint())
		case messageBase:
			m.Base = shard.Seqno(in.uint())
		case messageLast:
			m.Last = shard.Seqno(in.uint())
		case messageCut:
			m.Cut = shard.Seqno(in.uint())
		case messageCommit:
			m.Commit = shard.Seqno(in.uint())
		case messageHash:
			m.Hash = in.fixed()
		case messageLineage:
			if m.Lineage = append(m.Lineage, in.view()); len(m.Lineage) > shard.MaxViews {
				in.fail(fmt.Errorf("lineage of more than %d epochs", shard.MaxViews))
			}
		case messageChain:
			if m.Chain = append(m.Chain, in.configuration()); len(m.Chain) > shard.MaxChain {
				in.fail(fmt.Errorf("chain of more than %d configurations", shard.MaxChain))
			}
		case messageEntries:
			e, err := shard.CheckEntry(in.bytes())
			if err != nil {
				in.fail(err)
			}
			m.Entries = append(m.Entries, e)
		case messageTraces:
			if m.Traces = append(m.Traces, in.trace()); len(m.Traces) > maxTraces {
				in.fail(fmt.Errorf("more than %d traces", maxTraces))
			}
		case messageSuspects:
			suspects = in.fixedList(suspects)
		case messageKey:
			m.Key = in.bytes()
		case messageData:
			m.Data = in.bytes()
		case messageSum:
			m.Sum = in.fixed()
		case messageDone:
			m.Done = in.bool()
		case messageTook:
			m.Took = in.fixedList(m.Took)
		case messageRuledAt:
			m.Ruling.At = in.uint()
		case messageRuling:
			if m.Ruling.Chain = append(m.Ruling.Chain, in.configuration()); len(m.Ruling.Chain) > shard.MaxChain {
				in.fail(fmt.Errorf("ruling of more than %d configurations", shard.MaxChain))
			}
		default:
			in.skip(num)
		}
	}
	m.Suspects = nodeIDs(suspects)
	if in.err == nil {
		in.err = m.Valid()
	}
	if in.err == nil && m.Kind.Traffic() != traffic {
		in.err = fmt.Errorf("message %v came on a stream of traffic %d", m.Kind, traffic)
	}
	if in.err != nil {
		r.fail(in.err)
	}
}

func (r *reader) view() shard.View {
	in := r.inner()
	var v shard.View
	for {
		num, ok := in.next()
		if !ok {
			break
		}
		switch num {
		case viewEpoch:
			v.Epoch = shard.Epoch(in.uint())
		case viewSeqno:
			v.Seqno = shard.Seqno(in.uint())
		default:
			in.skip(num)
		}
	}
	if in.err != nil {
		r.fail(in.err)
	}
	return v
}

func (r *reader) trace() shard.Trace {
	in := r.inner()
	var t shard.Trace
	for {
		num, ok := in.next()
		if !ok {
			break
		}
		switch num {
		case traceSeqno:
			t.Seqno = shard.Seqno(in.uint())
		case traceParent:
			t.Parent = Traceparent(in.bytes())
		default:
			in.skip(num)
		}
	}
	if in.err != nil {
		r.fail(in.err)
	}
	return t
}

func (r *reader) alive(h *Heartbeat) {
	in := r.inner()
	for {
		num, ok := in.next()
		if !ok {
			break
		}
		switch num {
		case aliveBoot:
			h.Boot = in.uint()
		case aliveTick:
			h.Tick = in.uint()
		case aliveStalled:
			h.StorageStalled = time.Duration(min(in.uint(), uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond
		default:
			in.skip(num)
		}
	}
	if in.err != nil {
		r.fail(in.err)
	}
}
