package exhaust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringward/ringward/shard"
)

// Nodes are letters in what people read.
func name(n shard.NodeID) string { return string(rune('a' + n - 1)) }

func membersOf(c shard.Configuration) string {
	var b strings.Builder
	for _, n := range c.Members {
		b.WriteString(name(n))
	}
	return b.String()
}

// spelled is a history as people read it: each entry as its epoch and its write.
func (m *model) spelled(h history) string {
	words := []string{}
	for _, e := range h {
		words = append(words, fmt.Sprintf("%d:w%d", m.entries.at(uint32(e)).Epoch(), m.writeOf(e)+1))
	}
	return "[" + strings.Join(words, " ") + "]"
}

func describe(m *model, msg *shard.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s->%s %v(%d)", name(msg.From), name(msg.To), msg.Kind, msg.Epoch)
	if msg.Number != 0 {
		fmt.Fprintf(&b, " #%d", msg.Number)
	}
	if msg.Link != (shard.Link{}) {
		fmt.Fprintf(&b, " link %d/%d", msg.Link.Ask, msg.Link.Answer)
	}
	switch msg.Kind {
	case shard.MsgConnect:
		fmt.Fprintf(&b, " last=%d synced=%v", msg.Last, msg.Synced)
	case shard.MsgConnected:
		fmt.Fprintf(&b, " %v last=%d", msg.State, msg.Last)
	case shard.MsgInherit:
		fmt.Fprintf(&b, " cut=%d base=%d", msg.Cut, msg.Last)
	case shard.MsgAppend:
		fmt.Fprintf(&b, " after %d, commit=%d", msg.Last, msg.Commit)
	case shard.MsgAck:
		fmt.Fprintf(&b, " %d", msg.Last)
	case shard.MsgFenced:
		fmt.Fprintf(&b, " commit=%d", msg.Commit)
	case shard.MsgWedged:
		fmt.Fprintf(&b, " active=%d last=%d", msg.Active, msg.Last)
	case shard.MsgFetch, shard.MsgFetched:
		fmt.Fprintf(&b, " cut=%d last=%d", msg.Cut, msg.Last)
	}
	if len(msg.Entries) > 0 {
		var h history
		for _, e := range msg.Entries {
			h = append(h, m.entry(e))
		}
		b.WriteString(" " + m.spelled(h))
	}
	return b.String()
}

// trace tells the shortest way to the violation.
func (s *search) trace() []string {
	var events []event
	if s.by.kind != eventKinds {
		events = append(events, s.by)
	}
	for at := s.at; at != 0; {
		p := s.parents.at(at)
		events = append(events, unpack(p[1]))
		at = p[0]
	}
	slices.Reverse(events)
	st, err := s.first()
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for i, e := range events {
		line := st.tell(s.model, e)
		before := st.clone()
		err := st.pass(s.model, e)
		lines = append(lines, fmt.Sprintf("%d. %s%s", i+1, line, st.news(s.model, before)))
		if err != nil || st.tidy(s.model) != nil {
			break
		}
	}
	return append(lines, "then: "+s.violation.Error())
}

// tell says what an event is.
func (s *state) tell(m *model, e event) string {
	n := name(shard.NodeID(e.node + 1))
	switch e.kind {
	case evDeliver:
		q := s.queues[e.arg]
		msg := m.messages.at(q.messages[0])
		return map[bool]string{true: "over an old connection: "}[q.age > 0] + describe(m, msg) + " arrives"
	case evLearn:
		reg := m.registers[e.arg>>4]
		c := reg.chain[e.arg&15]
		return fmt.Sprintf("%s learns that epoch %d is decided: %s, and of what was decided since %d", n, c.Epoch, membersOf(c), reg.begins[e.arg&15])
	case evFsync:
		return fmt.Sprintf("%s: %d records become durable", n, e.arg)
	case evWrite:
		return fmt.Sprintf("write %d comes to %s", e.arg+1, n)
	case evRead:
		return fmt.Sprintf("read %d comes to %s", e.arg+1, n)
	case evCrash:
		return fmt.Sprintf("%s crashes and starts again; of what was not durable %d records survive, the contents were flushed: %v", n, e.arg>>1, e.arg&1 == 1)
	case evBreak:
		return fmt.Sprintf("the connection from %s to %s for traffic %d breaks", n, name(shard.NodeID(route(e.arg).to()+1)), route(e.arg).traffic())
	case evNotice:
		return fmt.Sprintf("%s notices that its connection to %s broke", n, name(shard.NodeID(e.arg)))
	case evTicks:
		return fmt.Sprintf("time passes for %s", n)
	case evRewrite:
		return fmt.Sprintf("%s puts its replica into the log once more", n)
	}
	return "nothing"
}

// news says what an event changed for the clients.
func (s *state) news(m *model, before *state) string {
	var b strings.Builder
	words := map[status]string{acknowledged: "acknowledged", over: "over"}
	for w := range m.bounds.Writes {
		if word := words[s.writes[w]]; s.writes[w] != before.writes[w] && word != "" {
			fmt.Fprintf(&b, "; write %d is %s", w+1, word)
		}
	}
	for r := range m.bounds.Reads {
		if word := words[s.reads[r]]; s.reads[r] != before.reads[r] && word != "" {
			fmt.Fprintf(&b, "; read %d is %s", r+1, word)
		}
	}
	return b.String()
}
