package check

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The decoders here are written from the documented formats, not from the code that writes them.

var errMalformed = errors.New("malformed")

// reader takes fields off the front of its bytes. After the first that is cut short all are zero, and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return make([]byte, min(n, 8))
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) octet() byte    { return r.take(1)[0] }
func (r *reader) fixed() uint64  { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) string() []byte { return r.take(r.number()) }

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// list reads a count and calls item as often.
func (r *reader) list(item func()) {
	for n := r.number(); n > 0 && !r.bad; n-- {
		item()
	}
}

// record is one record of a log.
type record struct {
	kind    byte
	shard   uint64
	chain   []configuration
	epoch   uint64
	lineage []view
	cut     uint64
	entries []entry // of kind recordEntry: the one
	items   entries // these, as they stand in the history
	kept    uint64  // of kind recordFollow: how much of the history before it stays
	again   bool    // of kind recordFollow: it changes nothing
	ruledAt uint64  // of kinds recordRuling, recordState: when an operator ruled about the next shard
	ruling  []configuration
}

// promise is the newest epoch of the chain.
func (r *record) promise() uint64 { return r.chain[len(r.chain)-1].epoch }

// equal reports whether two records say the same.
func (r *record) equal(o *record) bool {
	return r.kind == o.kind && r.shard == o.shard && r.epoch == o.epoch && r.cut == o.cut &&
		r.ruledAt == o.ruledAt && slices.EqualFunc(r.ruling, o.ruling, configuration.equal) &&
		slices.Equal(r.lineage, o.lineage) && slices.EqualFunc(r.chain, o.chain, configuration.equal) && slices.EqualFunc(r.entries, o.entries, entry.equal)
}

const (
	recordEntry    = 1
	recordPromise  = 2
	recordActivate = 3
	recordState    = 4
	recordFollow   = 5
	recordRuling   = 6
)

// configuration is one decision.
type configuration struct {
	shard, epoch uint64
	members      []uint64
}

func (c configuration) equal(d configuration) bool {
	return c.shard == d.shard && c.epoch == d.epoch && slices.Equal(c.members, d.members)
}

// view is one line of a lineage.
type view struct{ epoch, base uint64 }

// entry is one command with its place.
type entry struct {
	epoch, seqno uint64
	command      []byte
}

func (e entry) equal(f entry) bool {
	return e.epoch == f.epoch && e.seqno == f.seqno && bytes.Equal(e.command, f.command)
}

func decodeRecord(b []byte) (record, error) {
	r := &reader{b: b}
	rec := record{kind: r.octet(), shard: r.number()}
	switch rec.kind {
	case recordEntry:
		rec.entries = []entry{r.entry(r.b)}
		r.b = nil
	case recordPromise:
		rec.chain = r.chain()
		r.bad = r.bad || len(rec.chain) == 0
	case recordActivate, recordState, recordFollow:
		if rec.kind == recordState {
			rec.chain = r.chain()
		}
		if rec.kind != recordFollow {
			rec.epoch = r.number()
		}
		r.list(func() { rec.lineage = append(rec.lineage, view{r.number(), r.number()}) })
		rec.cut = r.number()
		r.fixed() // the hash is the business of those who rely on it
		if rec.kind != recordState {
			r.list(func() { rec.entries = append(rec.entries, r.entry(r.string())) })
		} else {
			r.ruling(&rec)
		}
	case recordRuling:
		r.ruling(&rec)
	default:
		return rec, fmt.Errorf("%w: record of kind %d", errMalformed, rec.kind)
	}
	if r.bad || len(r.b) > 0 {
		return rec, fmt.Errorf("%w: record of kind %d", errMalformed, rec.kind)
	}
	return rec, nil
}

// ruling reads when it was made, and a byte that says whether a chain follows.
func (r *reader) ruling(rec *record) {
	rec.ruledAt = r.number()
	switch r.octet() {
	case 0:
	case 1:
		rec.ruling = r.chain()
		r.bad = r.bad || len(rec.ruling) == 0
	default:
		r.bad = true
	}
}

// entry reads epoch (8), seqno (8), hash (8), command.
func (r *reader) entry(b []byte) entry {
	if len(b) <= 24 {
		r.bad = true
		return entry{}
	}
	return entry{epoch: binary.BigEndian.Uint64(b), seqno: binary.BigEndian.Uint64(b[8:]), command: b[24:]}
}

func (r *reader) configuration() configuration {
	c := configuration{shard: r.number(), epoch: r.number()}
	r.list(func() { c.members = append(c.members, r.fixed()) })
	return c
}

func (r *reader) chain() (chain []configuration) {
	r.list(func() { chain = append(chain, r.configuration()) })
	return chain
}

// command is what an entry does.
type command struct {
	kind                byte
	session, op, oldest uint64
	conditional         bool
	version             uint64 // of the condition
	key, value          []byte
	expired             []view // session, last use
}

const (
	commandPut      = 1
	commandDelete   = 2
	commandOpen     = 3
	commandExpire   = 4
	commandRegister = 5
)

func decodeCommand(b []byte) (command, error) {
	r := &reader{b: b}
	c := command{kind: r.octet()}
	switch c.kind {
	case commandPut, commandDelete:
		c.session, c.op, c.oldest = r.number(), r.number(), r.number()
		if v := r.number(); v > 0 {
			c.conditional, c.version = true, v-1
		}
		c.key = r.string()
		if c.kind == commandPut {
			c.value = r.string()
		}
	case commandOpen:
	case commandExpire:
		r.list(func() { c.expired = append(c.expired, view{r.number(), r.number()}) })
	case commandRegister:
		c.value = r.string()
	default:
		r.bad = true
	}
	if r.bad || len(r.b) > 0 {
		return c, fmt.Errorf("%w: command of kind %d", errMalformed, c.kind)
	}
	return c, nil
}
