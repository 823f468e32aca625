package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

// contents is what a shard.Machine needs of a store, in a map.
type contents map[string]string

func (c contents) Get(key []byte) ([]byte, bool, error) {
	v, ok := c[string(key)]
	return []byte(v), ok, nil
}

func (c contents) Set(key, value []byte) error { c[string(key)] = string(value); return nil }
func (c contents) Delete(key []byte) error     { delete(c, string(key)); return nil }
func (c contents) Clear() error                { clear(c); return nil }
func (c contents) Commit() error               { return nil }

func (c contents) Scan(prefix []byte, f func(key, value []byte) error) error {
	for k, v := range c {
		if strings.HasPrefix(k, string(prefix)) {
			if err := f([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

type noRegister struct{}

func (r noRegister) Apply([]byte) (shard.Register, error) { return nil, errors.New("no register here") }
func (noRegister) Append(b []byte) []byte                 { return b }

// replica is one shard with the state machine of the product, whose history this
// test writes.
type replica struct {
	t       *testing.T
	machine *shard.Machine
	last    shard.Seqno
	hash    uint64
}

func newReplica(t *testing.T) *replica {
	m, err := shard.OpenMachine(contents{}, noRegister{}, func([]byte) (shard.Register, error) { return noRegister{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	return &replica{t: t, machine: m}
}

func (r *replica) apply(c shard.Command) shard.Result {
	e := shard.NewEntry(1, r.last+1, r.hash, shard.AppendCommand(nil, c))
	res, err := r.machine.Apply(e)
	if err != nil {
		r.t.Fatal(err)
	}
	r.last, r.hash = e.Seqno(), e.Hash()
	return res
}

func (r *replica) open() shard.SessionID {
	return shard.SessionID(r.apply(shard.Command{Kind: shard.CommandOpenSession}).Version)
}

// expire ends all sessions, as when nobody used them for long.
func (r *replica) expire() {
	r.apply(shard.Command{Kind: shard.CommandExpireSessions, Expired: r.machine.Sessions()})
}

// TestAWriteIsAppliedAtMostOnce sends writes over a network that loses, delays and
// repeats, to a shard that refuses and forgets sessions, by callers who give
// up at times. Each write has a key of its own and is unconditional, so what a second
// application would do shows as a new version of its key.
func TestAWriteIsAppliedAtMostOnce(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { run(t, rand.New(rand.NewPCG(seed, 9))) })
	}
}

type write struct {
	key     uint64
	session *Session
	state   Write
	ended   bool
}

func (w *write) begin(s *Session) bool {
	id, ok := s.Begin()
	if ok {
		w.session, w.state = s, NewWrite(id)
	}
	return ok
}

func run(t *testing.T, rng *rand.Rand) {
	const refused = 2 // of the fates of an attempt
	r := newReplica(t)
	current := New(r.open())
	var open []*write
	var inFlight []shard.Command      // copies of writes under way whose senders no longer listen
	applied := map[uint64]int{}       // by key, what the shard really did
	claim := map[uint64]shard.Seqno{} // by key, what a caller was told

	// deliver brings one copy to the shard, and counts what it did there.
	deliver := func(c shard.Command) shard.Result {
		res := r.apply(c)
		if res.Status == shard.OK && res.Version == r.last {
			applied[binary.BigEndian.Uint64(c.Key)]++
		}
		return res
	}
	end := func(w *write) {
		w.session.Settle(w.state.Identity().Op)
		w.ended = true
	}
	attempt := func(w *write) {
		key := binary.BigEndian.AppendUint64(nil, w.key)
		c := shard.Command{Kind: shard.CommandPut, Key: key, Identity: w.state.Identity()}
		fate := rng.IntN(6)
		// A refusal says of all copies of its attempt that they are not applied.
		for fate != refused && rng.IntN(4) == 0 {
			inFlight = append(inFlight, c)
		}
		var status shard.Status
		switch fate {
		case 0: // lost, or late
			if rng.IntN(2) == 0 {
				inFlight = append(inFlight, c)
			}
			w.state.Unanswered()
			return
		case 1: // applied, and the answer is lost
			deliver(c)
			w.state.Unanswered()
			return
		case refused:
			status = shard.Refused
		default:
			res := deliver(c)
			status = res.Status
			if status == shard.OK {
				claim[w.key] = res.Version
			}
		}
		switch w.state.Answer(status) {
		case Retry:
		case Done, Lost:
			end(w)
		case Renew:
			w.session.Settle(w.state.Identity().Op)
			if current == w.session {
				current = New(r.open())
			}
			if !w.begin(current) {
				t.Fatal("a new session has no room")
			}
		}
	}

	for key := uint64(1); key <= 400; key++ {
		w := &write{key: key}
		if w.begin(current) {
			open = append(open, w)
		}
		for range rng.IntN(4) {
			if i := rng.IntN(len(open) + 1); i < len(open) {
				w := open[i]
				if rng.IntN(10) == 0 { // its caller loses patience
					end(w)
				} else {
					attempt(w)
				}
				if w.ended {
					open = append(open[:i], open[i+1:]...)
				}
			}
		}
		if rng.IntN(60) == 0 {
			r.expire()
		}
		for len(inFlight) > 0 && rng.IntN(3) > 0 {
			i := rng.IntN(len(inFlight))
			deliver(inFlight[i])
			inFlight = append(inFlight[:i], inFlight[i+1:]...)
		}
	}
	for _, c := range inFlight {
		deliver(c)
	}

	for key, n := range applied {
		if n > 1 {
			t.Errorf("write %d was applied %d times", key, n)
		}
	}
	for key, version := range claim {
		if applied[key] != 1 {
			t.Errorf("write %d was acknowledged as version %d and applied %d times", key, version, applied[key])
		}
		res, err := r.machine.Read(binary.BigEndian.AppendUint64(nil, key))
		if err != nil || res.Version != version {
			t.Errorf("write %d reads as version %d, %v; its caller was told %d", key, res.Version, err, version)
		}
	}
}
