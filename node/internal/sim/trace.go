package sim

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringward/ringward/shard"
)

// trace is what happened, as a running hash of all of it and, for people, the last of it.
type trace struct {
	world *world
	out   io.Writer // nil: nobody reads along
	hash  uint64
	last  []happening // at most remembered, the oldest overwritten
	count int
}

// remembered bounds the happenings that a failure can be explained with.
const remembered = 20000

// happening is one line of the trace, not put into words until somebody reads it.
type happening struct {
	step    int
	at      moment
	node    shard.NodeID
	shard   shard.ID
	what    string
	message *shard.Message
	record  *shard.Record
	event   *shard.Event
}

func newTrace(out io.Writer) *trace { return &trace{out: out} }

func (t *trace) add(n *node, id shard.ID, h happening, numbers ...uint64) {
	h.step, h.at, h.shard = t.world.steps, t.world.now, id
	if n != nil {
		h.node = n.id
	}
	t.mix(uint64(h.step), uint64(h.at), uint64(h.node), uint64(h.shard))
	for i := range len(h.what) {
		t.mix(uint64(h.what[i]))
	}
	t.mix(numbers...)
	if len(t.last) < remembered {
		t.last = append(t.last, h)
	} else {
		t.last[t.count%remembered] = h
	}
	t.count++
	if t.out != nil {
		fmt.Fprintln(t.out, h)
	}
}

func (t *trace) mix(numbers ...uint64) {
	for _, v := range numbers {
		t.hash = (t.hash^v)*1099511628211 + t.hash>>29
	}
}

// note adds a line in words. What a fault does at once belongs to its description.
func (t *trace) note(n *node, id shard.ID, words string) {
	t.add(n, id, happening{what: words})
	if f := t.world.faults.told(); f != nil && !strings.HasPrefix(words, "answers client") {
		f.What = append(f.What, strings.Join(strings.Fields(t.last[(t.count-1)%remembered].String())[2:], " "))
	}
}

func (t *trace) message(n *node, verb string, m *shard.Message) {
	t.add(n, m.Shard, happening{what: verb, message: m},
		uint64(m.Kind), uint64(m.From), uint64(m.To), uint64(m.Epoch), uint64(m.Number), uint64(m.Last), uint64(m.Commit), m.Hash, uint64(len(m.Entries)))
}

func (t *trace) record(n *node, r *shard.Record) {
	t.add(n, r.Shard, happening{what: "writes", record: r}, uint64(r.Kind), uint64(r.Epoch), uint64(r.Cut), uint64(len(r.Entry)))
}

func (t *trace) event(n *node, e *shard.Event) {
	t.add(n, e.Shard, happening{what: "notes", event: e}, uint64(e.Kind), uint64(e.Node), uint64(e.To.Epoch), uint64(e.To.Seqno))
}

// recent are the last lines about a shard, or about all where it is 0, with what concerns every shard, and with what its
// sequencer notes.
func (t *trace) recent(id, sequencer shard.ID, lines int) []string {
	var out []string
	for i := t.count - 1; i >= max(0, t.count-remembered) && len(out) < lines; i-- {
		h := t.last[i%remembered]
		if id == 0 || h.shard == 0 || h.shard == id || h.shard == sequencer && h.event != nil {
			out = append(out, h.String())
		}
	}
	slices.Reverse(out)
	return out
}

func (h happening) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%6d %9v ", h.step, h.at)
	if h.node != 0 {
		fmt.Fprintf(&b, "node %d ", h.node)
	}
	if h.shard != 0 {
		fmt.Fprintf(&b, "shard %d ", h.shard)
	}
	b.WriteString(h.what)
	switch {
	case h.message != nil:
		writeMessage(&b, h.what, h.message)
	case h.record != nil:
		writeRecord(&b, h.record)
	case h.event != nil:
		e := h.event
		fmt.Fprintf(&b, " %v", e.Kind)
		if e.Node != 0 {
			fmt.Fprintf(&b, " of node %d", e.Node)
		}
		if e.To != (shard.View{}) || e.From != (shard.View{}) {
			fmt.Fprintf(&b, " from %v to %v", e.From, e.To)
		}
		if e.Configuration.Epoch > 0 {
			fmt.Fprintf(&b, ", epoch %d of %v", e.Configuration.Epoch, numbers(e.Configuration.Members))
		}
	}
	return b.String()
}

// numbers shows nodes by their short ids.
func numbers(nodes []shard.NodeID) []uint64 {
	short := make([]uint64, len(nodes))
	for i, n := range nodes {
		short[i] = uint64(n)
	}
	return short
}

func writeMessage(b *strings.Builder, verb string, m *shard.Message) {
	fmt.Fprintf(b, " %v", m.Kind)
	if verb == "takes" {
		fmt.Fprintf(b, " from %d", uint64(m.From))
	} else {
		fmt.Fprintf(b, " to %d", uint64(m.To))
	}
	fmt.Fprintf(b, ", epoch %d", m.Epoch)
	field := func(name string, v uint64) {
		if v != 0 {
			fmt.Fprintf(b, ", %s %d", name, v)
		}
	}
	asking := func(name string, n shard.Number) {
		if n != 0 {
			fmt.Fprintf(b, ", %s %d.%d", name, n>>(64-shard.BootBits), n&(1<<(64-shard.BootBits)-1))
		}
	}
	asking("number", m.Number)
	asking("ask", m.Link.Ask)
	asking("answer", m.Link.Answer)
	if m.Kind == shard.MsgConnected || m.Kind == shard.MsgWedged {
		fmt.Fprintf(b, ", %v", m.State)
	}
	if m.Kind == shard.MsgConnect || m.Kind == shard.MsgRecruit || m.Kind == shard.MsgRecruited {
		fmt.Fprintf(b, ", synced %v", m.Synced)
	}
	if m.Unknown {
		b.WriteString(", unknown")
	}
	field("active", uint64(m.Active))
	field("base", uint64(m.Base))
	field("cut", uint64(m.Cut))
	field("last", uint64(m.Last))
	field("commit", uint64(m.Commit))
	if len(m.Entries) > 0 {
		fmt.Fprintf(b, ", entries %d..%d", m.Entries[0].Seqno(), m.Entries[len(m.Entries)-1].Seqno())
	}
	if len(m.Lineage) > 0 {
		fmt.Fprintf(b, ", lineage %v", []shard.View(m.Lineage))
	}
	if len(m.Chain) > 0 {
		fmt.Fprintf(b, ", chain %d..%d %v", m.Chain[0].Epoch, m.Chain.Newest().Epoch, numbers(m.Chain.Newest().Members))
	}
	if m.Kind == shard.MsgSnapshot || m.Kind == shard.MsgPart {
		fmt.Fprintf(b, ", after %q, %d bytes, done %v", m.Key, len(m.Data), m.Done)
	}
	if m.Kind == shard.MsgReport {
		fmt.Fprintf(b, ", suspects %v", numbers(m.Suspects))
	}
}

func writeRecord(b *strings.Builder, r *shard.Record) {
	switch r.Kind {
	case shard.RecordEntry:
		fmt.Fprintf(b, " entry %d of epoch %d", r.Entry.Seqno(), r.Entry.Epoch())
	case shard.RecordPromise:
		c := r.Chain.Newest()
		fmt.Fprintf(b, " promise of epoch %d, %v", c.Epoch, numbers(c.Members))
	case shard.RecordActivate:
		fmt.Fprintf(b, " activation of epoch %d, cut at %d and %d entries, lineage %v", r.Epoch, r.Cut, len(r.Entries), []shard.View(r.Lineage))
	case shard.RecordFollow:
		fmt.Fprintf(b, " following, cut at %d and %d entries, lineage %v", r.Cut, len(r.Entries), []shard.View(r.Lineage))
	case shard.RecordRuling:
		fmt.Fprintf(b, " ruling of attempt %d, up to epoch %d", r.Ruling.At, r.Ruling.Chain.Newest().Epoch)
	case shard.RecordState:
		fmt.Fprintf(b, " state: promise %d, active %d, last %d", r.Chain.Newest().Epoch, r.Epoch, r.Cut)
	}
}
