package shard

import (
	"fmt"
	"strings"
)

// What transcripts show of each kind: what matters of it. Numbers are boot.count, entries epoch/seqno, configurations
// epoch(members), lineages epoch@base.

func describeNumber(n Number) string {
	return fmt.Sprintf("#%d.%d", n>>(64-BootBits), n&(1<<(64-BootBits)-1))
}

// describeLineage shows each epoch with its base.
func describeLineage(l Lineage) string {
	var parts []string
	for _, v := range l {
		parts = append(parts, fmt.Sprintf("%d@%d", v.Epoch, v.Seqno))
	}
	return strings.Join(parts, ",")
}

func describe(m Message) string {
	s := fmt.Sprintf("%v(%d)", m.Kind, m.Epoch)
	add := func(format string, args ...any) { s += fmt.Sprintf(" "+format, args...) }
	link := func() { add("link=%s%s", describeNumber(m.Link.Ask), describeNumber(m.Link.Answer)) }
	switch m.Kind {
	case MsgConnect:
		add("%v last=%d base=%d", describeNumber(m.Number), m.Last, m.Base)
		if m.Synced {
			s += " synced"
		}
	case MsgConnected:
		link()
		add("%v last=%d", m.State, m.Last)
	case MsgInherit:
		link()
		add("cut=%d last=%d lineage=%s", m.Cut, m.Last, describeLineage(m.Lineage))
	case MsgAppend:
		link()
		add("last=%d commit=%d", m.Last, m.Commit)
	case MsgAck:
		link()
		add("last=%d", m.Last)
	case MsgHandBack:
		link()
	case MsgRefuse:
		if m.Link != (Link{}) {
			link()
		}
	case MsgFence:
		add("%v", describeNumber(m.Number))
	case MsgFenced:
		add("%v commit=%d", describeNumber(m.Number), m.Commit)
	case MsgWedge:
		add("%v", describeNumber(m.Number))
	case MsgWedged:
		add("%v %v active=%d last=%d lineage=%s", describeNumber(m.Number), m.State, m.Active, m.Last, describeLineage(m.Lineage))
	case MsgFetch:
		add("%v cut=%d", describeNumber(m.Number), m.Cut)
	case MsgFetched:
		add("%v cut=%d last=%d", describeNumber(m.Number), m.Cut, m.Last)
	case MsgFollow:
		add("%v last=%d lineage=%s", describeNumber(m.Number), m.Last, describeLineage(m.Lineage))
	case MsgFed:
		add("%v last=%d commit=%d", describeNumber(m.Number), m.Last, m.Commit)
		if len(m.Lineage) > 0 {
			add("cut=%d lineage=%s", m.Cut, describeLineage(m.Lineage))
		}
	case MsgFollowed:
		add("%v last=%d", describeNumber(m.Number), m.Last)
	case MsgCompacted:
		add("%v", describeNumber(m.Number))
	case MsgSnapshot:
		add("%v after=%q", describeNumber(m.Number), m.Key)
	case MsgPart:
		add("%v after=%q at=%d lineage=%s", describeNumber(m.Number), m.Key, m.Last, describeLineage(m.Lineage))
		_ = m.part().each(func(key, _ []byte) error {
			add("%q", key)
			return nil
		})
		if m.Done {
			add("done")
		}
	}
	if len(m.Chain) > 0 {
		add("chain=%s", describeChain(m.Chain))
	}
	if len(m.Entries) > 0 {
		add("entries=%s", describeEntries(m.Entries))
	}
	for _, t := range m.Traces {
		add("trace of %d=%s", t.Seqno, t.Parent)
	}
	return s
}

func describeChain(ch Chain) string {
	var parts []string
	for _, c := range ch {
		parts = append(parts, fmt.Sprintf("%d(%s)", c.Epoch, names(c.Members)))
	}
	return strings.Join(parts, ",")
}

func describeEntries(entries []Entry) string {
	var parts []string
	for _, e := range entries {
		parts = append(parts, fmt.Sprintf("%d/%d", e.Epoch(), e.Seqno()))
	}
	return strings.Join(parts, ",")
}

// describeEntry shows an entry as epoch/seqno and what it does.
func describeEntry(e Entry) string {
	s := fmt.Sprintf("%d/%d", e.Epoch(), e.Seqno())
	c, err := DecodeCommand(e.Command())
	switch {
	case err != nil:
		return s + " " + err.Error()
	case c.Kind == CommandPut:
		return fmt.Sprintf("%s put %s=%s", s, c.Key, c.Value)
	case c.Kind == CommandDelete:
		return fmt.Sprintf("%s delete %s", s, c.Key)
	case c.Kind == CommandRegister:
		return fmt.Sprintf("%s register %s", s, c.Value)
	case c.Kind == CommandOpenSession:
		return s + " open session"
	}
	return fmt.Sprintf("%s expire %v", s, c.Expired)
}

func describeRecord(r Record) string {
	switch r.Kind {
	case RecordEntry:
		return "entry " + describeEntry(r.Entry)
	case RecordPromise:
		return "promise " + describeChain(r.Chain)
	case RecordActivate:
		return fmt.Sprintf("activate %d cut=%d lineage=%s entries=%s", r.Epoch, r.Cut, describeLineage(r.Lineage), describeEntries(r.Entries))
	}
	if r.Kind == RecordFollow {
		return fmt.Sprintf("follow cut=%d lineage=%s entries=%s", r.Cut, describeLineage(r.Lineage), describeEntries(r.Entries))
	}
	return fmt.Sprintf("state %s", describeChain(r.Chain))
}

func describeResult(r Result) string {
	s := r.Status.String()
	if r.Version > 0 {
		s += fmt.Sprintf(" version=%d", r.Version)
	}
	if r.Value != nil {
		s += fmt.Sprintf(" value=%s", r.Value)
	}
	if r.Reason != "" {
		s += fmt.Sprintf(" (%s)", r.Reason)
	}
	if len(r.Chain) > 0 {
		s += " chain=" + describeChain(r.Chain)
	}
	return s
}

func describeEvent(e Event) string {
	switch e.Kind {
	case EventWedged:
		return fmt.Sprintf("is wedged at %v by %d(%s)", e.From, e.Configuration.Epoch, names(e.Configuration.Members))
	case EventViewChange:
		return fmt.Sprintf("changes view from %v to %v", e.From, e.To)
	case EventSynced:
		return fmt.Sprintf("is synced at %v", e.To)
	case EventIncomparable:
		return fmt.Sprintf("finds %s incomparable", name(e.Node))
	case EventEntered:
		return fmt.Sprintf("takes %v of trace %s", e.To, e.Trace)
	case EventSettled:
		return fmt.Sprintf("settles %v of trace %s", e.To, e.Trace)
	}
	return e.Kind.String()
}
