package exhaust

import (
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

// stand is a state made up of views, to see what the checks say of it.
type stand struct {
	m *model
	s *state
}

// newStand has three nodes, ACTIVE in epoch 1 of two, and the histories of write 1 in the names that h gives.
func newStand(t *testing.T, views ...view) stand {
	t.Helper()
	m := newModel(Bounds{Nodes: len(views), Writes: 2, Reads: 1, Decisions: 1})
	st := stand{m, &state{register: m.registers[0].next[0].register}}
	for i, v := range views {
		st.s.nodes[i] = m.locals.add(&local{id: shard.NodeID(i + 1), view: v})
	}
	for w := range 2 {
		for epoch := range 2 {
			m.entry(shard.NewEntry(shard.Epoch(epoch+1), shard.Seqno(w+1), 0, []byte{byte(w)}))
		}
	}
	return st
}

// Entries by the numbers that newStand gives them: write 1 in epochs 1 and 2, then write 2.
const (
	first1 uint16 = 1 + iota
	first2
	second1
)

// in is the view of a replica that stands in an epoch, with all it was ACTIVE with so far.
func in(epoch shard.Epoch, while ...history) view {
	f := fold{history: while[len(while)-1], promise: epoch, active: shard.Epoch(len(while)), while: while}
	return view{disk: f, memory: f, newest: epoch, active: f.active == epoch}
}

func TestJudgeFindsEachViolation(t *testing.T) {
	one, other := history{first1}, history{first2}
	applied := in(1, one)
	applied.applied = one
	for _, tc := range []struct {
		name  string
		views []view
		set   func(*state)
		want  string
	}{
		{"all agree", []view{in(1, one), in(1, one)}, nil, ""},
		{"persistent, and lost by a later configuration", []view{in(1, one), in(2, one, history{})}, nil, "3: node b is ACTIVE in epoch 2 with []"},
		{"applied before it is durable everywhere", []view{applied, in(1, history{})}, nil, "5: node a has applied [1:w1], and persistent is []"},
		{"acknowledged and lost", []view{in(1, history{}), in(1, history{})}, func(s *state) { s.writes[0] = acknowledged }, "6: write 1 was acknowledged"},
		{"two entries of one epoch", []view{in(1, history{first1}), in(1, history{second1})}, nil, "2: two entries"},
		{"an epoch that nobody decided", []view{in(3, history{}, history{}, history{}), in(1, history{})}, nil, "1: node a knows epoch 3"},
		{"different entries of different epochs", []view{in(1, history{}), in(2, history{}, other)}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := newStand(t, tc.views...)
			if tc.set != nil {
				tc.set(st.s)
			}
			err := st.s.judge(st.m)
			if got := said(err); tc.want == "" && err != nil || !strings.HasPrefix(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSaysKeepsToWhatIsDurable(t *testing.T) {
	active, wedged := in(1, history{first1}), in(1, history{first1})
	wedged.memory.promise = 2
	for _, tc := range []struct {
		name string
		msg  shard.Message
		view view
		ok   bool
	}{
		{"an acknowledgement of what is durable", shard.Message{Kind: shard.MsgAck, Epoch: 1, Last: 1}, active, true},
		{"an acknowledgement of more", shard.Message{Kind: shard.MsgAck, Epoch: 1, Last: 2}, active, false},
		{"a fence below the promise", shard.Message{Kind: shard.MsgFenced, Epoch: 1}, wedged, false},
		{"an answer to a wedge before the promise is durable", shard.Message{Kind: shard.MsgWedged, Epoch: 2, Active: 1, Last: 1}, wedged, false},
		{"an answer to a wedge after that", shard.Message{Kind: shard.MsgWedged, Epoch: 1, Active: 1, Last: 1}, active, true},
		{"an answer to a wedge that claims too much", shard.Message{Kind: shard.MsgWedged, Epoch: 1, Active: 1, Last: 2}, active, false},
		{"an answer of who was PENDING", shard.Message{Kind: shard.MsgConnected, Epoch: 2, State: shard.Pending}, wedged, true},
	} {
		if err := says(&tc.msg, &tc.view); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestReadsMustSeeWhatWasAcknowledged(t *testing.T) {
	st := newStand(t, in(1, history{first1}), in(1, history{first1}))
	st.s.reads[0], st.s.must[0] = waiting, 1
	if err := st.s.clone().answer(st.m, answer{op: op{read: true}, status: shard.OK, seen: 1}); err != nil {
		t.Errorf("a read that sees what it must: %v", err)
	}
	if err := st.s.clone().answer(st.m, answer{op: op{read: true}, status: shard.OK}); err == nil {
		t.Error("a read that misses an acknowledged write passes")
	}
	if err := st.s.answer(st.m, answer{op: op{read: true}, status: shard.Refused}); err != nil {
		t.Errorf("a read that is refused: %v", err)
	}
}
