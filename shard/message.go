package shard

import "fmt"

// MessageKind says what a message between two replicas means.
type MessageKind uint8

// The kinds of message; the fields each uses are those named in its comment, beside
// Kind, Shard, From, To and Epoch, which all use. The values are on the wire.
const (
	// MsgConnect is the handshake of a predecessor with its successor. Number
	// orders the attempts. Base, Last and Hash (at Last) describe the predecessor's
	// history, Synced whether it has all it had before its last restart. Chain.
	MsgConnect MessageKind = 1
	// MsgConnected answers it: Link, State, Last, Hash (at Last), Lineage. A
	// PENDING successor wants MsgInherit next. From an ACTIVE one, what
	// the predecessor lost follows as MsgHandBack.
	MsgConnected MessageKind = 2
	// MsgInherit gives a PENDING successor its history: Link, Lineage, Cut, Hash
	// (at Cut), Entries above Cut. Last of these entries is Last; while they end below
	// it, more messages follow.
	MsgInherit MessageKind = 3
	// MsgHandBack returns entries to a predecessor that lost them: Link, Entries.
	MsgHandBack MessageKind = 4
	// MsgAppend passes entries down the chain: Link, Entries, Commit, and Last,
	// the position before the first of them. Without entries it is a heartbeat.
	MsgAppend MessageKind = 5
	// MsgAck says up to where the entries are durable on the sender and
	// everyone after it: Link, Last.
	MsgAck MessageKind = 6
	// MsgFence asks for a confirmation that the receiver is ACTIVE in Epoch: Number.
	MsgFence MessageKind = 7
	// MsgFenced confirms it: Number, and Commit from the head.
	MsgFenced MessageKind = 8
	// MsgWedge asks for the promise of Epoch, the newest of Chain: Number, Chain.
	MsgWedge MessageKind = 9
	// MsgWedged answers: Number, Epoch promised, Active, Last, Lineage, Chain; or Unknown. A head that is ACTIVE in
	// Epoch says how long it Took to choose the history to inherit, and then to become ACTIVE.
	MsgWedged MessageKind = 10
	// MsgFetch asks the owner of the history to inherit for its entries above Cut:
	// Number, Cut. Epoch is the promise that the owner answered with.
	MsgFetch MessageKind = 11
	// MsgFetched answers: Number, Entries, and Last, where they end when all have come.
	MsgFetched MessageKind = 12
	// MsgReport tells the sequencer of Shard whom the sender suspects among the
	// members of Epoch: Suspects, and for each how long it had been silent: Took, 0 where there is evidence
	// that it failed. An empty list takes earlier suspicion back. Who names itself wants to leave.
	MsgReport MessageKind = 13
	// MsgRefuse says that a message of the older Epoch was not accepted, and
	// why: Chain; or, in the sender's own epoch, that a link must be made anew: Link.
	MsgRefuse MessageKind = 14
	// MsgRecruit asks a node to learn the shard, so that it can become a member: Number, Chain. Synced says that the
	// sequencer has recorded it as the learner; else it only asks whether it is there. Done says that nothing hurries: a
	// node does one such thing after the other.
	MsgRecruit MessageKind = 15
	// MsgRecruited answers: Number, Done where it does not want to, and Synced where it lags so little that it can become a member. Last and Base are
	// how far it is: what is durable, and the bytes of a snapshot that it has taken in. A learner for whom neither moves is stuck.
	MsgRecruited MessageKind = 16
	// MsgFollow asks the tail for all that is committed: Number, Last, Lineage.
	MsgFollow MessageKind = 17
	// MsgFed brings it: Number, Commit, Entries, and Last, the position before the first of them. The first
	// brings the Lineage, and Cut, up to where the two histories agree.
	MsgFed MessageKind = 18
	// MsgFollowed says up to where that is durable at the learner: Number, Last.
	MsgFollowed MessageKind = 19
	// MsgCompacted says that what was asked for under Number is here only as a part of the contents: in a snapshot.
	MsgCompacted MessageKind = 20
	// MsgSnapshot asks for the first part of a snapshot, or for that behind Key: Number, Key.
	MsgSnapshot MessageKind = 21
	// MsgPart brings it: Number, Key, Data, Sum, Done; and Last, Hash and Lineage, where the snapshot stands.
	MsgPart MessageKind = 22
	// MsgServed tells the sequencer of Shard that the head of Epoch has acknowledged its first write, and how long after
	// it was ACTIVE: Took. It is said once, for people to read.
	MsgServed MessageKind = 23
)

func (k MessageKind) String() string {
	names := [...]string{MsgConnect: "Connect", MsgConnected: "Connected", MsgInherit: "Inherit",
		MsgHandBack: "HandBack", MsgAppend: "Append", MsgAck: "Ack", MsgFence: "Fence",
		MsgFenced: "Fenced", MsgWedge: "Wedge", MsgWedged: "Wedged", MsgFetch: "Fetch",
		MsgFetched: "Fetched", MsgReport: "Report", MsgRefuse: "Refuse", MsgRecruit: "Recruit", MsgRecruited: "Recruited",
		MsgFollow: "Follow", MsgFed: "Fed", MsgFollowed: "Followed", MsgCompacted: "Compacted", MsgSnapshot: "Snapshot", MsgPart: "Part",
		MsgServed: "Served"}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("MessageKind(%d)", uint8(k))
}

// Traffic is the kind of stream a message travels on. Messages of one
// kind between two nodes keep their order; across kinds there is none.
type Traffic uint8

const (
	// Chain is bulk: entries and what must keep its order with them.
	ChainTraffic Traffic = iota
	// Control is never queued behind bulk.
	ControlTraffic
	// Transfer moves histories to new configurations and to learners.
	TransferTraffic
	// Traffics is how many kinds there are.
	Traffics
)

// Traffic returns the stream on which messages of this kind travel.
func (k MessageKind) Traffic() Traffic {
	switch k {
	case MsgConnect, MsgConnected, MsgInherit, MsgHandBack, MsgAppend, MsgAck:
		return ChainTraffic
	case MsgFetch, MsgFetched, MsgFollow, MsgFed, MsgFollowed, MsgCompacted, MsgSnapshot, MsgPart:
		return TransferTraffic
	}
	return ControlTraffic
}

// Link names one life of the connection between two neighbours in a chain: the
// predecessor's number of the handshake and the successor's of its answer. What
// carries another link than the present one does not count.
type Link struct {
	Ask, Answer Number
}

// Message is what one replica tells another. Messages hold no pointers into
// the sender's state that it would still change.
type Message struct {
	Kind     MessageKind
	Shard    ID // of the replicas; for MsgReport and MsgServed, the shard that is told of
	From, To NodeID
	Epoch    Epoch

	Number   Number
	Link     Link
	State    State
	Synced   bool
	Unknown  bool // the sender hosts no replica of the shard
	Active   Epoch
	Base     Seqno
	Last     Seqno
	Cut      Seqno
	Commit   Seqno
	Hash     uint64
	Lineage  Lineage
	Chain    Chain
	Entries  []Entry
	Suspects []NodeID
	Took     []uint64 // microseconds, for people to read: nothing depends on it
	Traces   []Trace  // MsgAppend: of those Entries that are traced
	Key      []byte
	Data     []byte
	Sum      uint64 // of Data
	Done     bool   // nothing comes after Data
	Ruling   Ruling // MsgWedged, MsgInherit: the one that the sender holds about the next shard
}

// Trace tells to which trace the entry at a position belongs. See Request.Trace.
type Trace struct {
	Seqno  Seqno
	Parent string
}

// Valid reports what no correct replica sends, whatever its state. Everything
// that comes off a wire passes it before it reaches a replica.
func (m *Message) Valid() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("message %v of shard %d: %s", m.Kind, m.Shard, fmt.Sprintf(format, args...))
	}
	for i, e := range m.Entries {
		if _, err := CheckEntry(e); err != nil {
			return fail("%v", err)
		}
		if i > 0 && e.Seqno() != m.Entries[i-1].Seqno()+1 {
			return fail("entry %d comes after %d", e.Seqno(), m.Entries[i-1].Seqno())
		}
	}
	switch {
	case m.Kind < MsgConnect || m.Kind > MsgServed:
		return fail("unknown kind")
	case m.Shard == 0:
		return fail("shards are numbered from 1")
	case m.From == 0 || m.To == 0:
		return fail("from %v to %v: node ids are not zero", m.From, m.To)
	case m.Epoch == 0 && !m.Unknown:
		return fail("epochs are numbered from 1")
	case m.State > Active:
		return fail("%v", m.State)
	case max(m.Base, m.Last, m.Cut, m.Commit) > MaxSeqno:
		return fail("base %d, last %d, cut %d, commit %d: want at most %d", m.Base, m.Last, m.Cut, m.Commit, MaxSeqno)
	case (m.Kind == MsgAppend || m.Kind == MsgFed) && len(m.Entries) > 0 && m.Entries[0].Seqno() != m.Last+1:
		return fail("entry %d comes after %d", m.Entries[0].Seqno(), m.Last)
	case len(m.Traces) > len(m.Entries):
		return fail("%d traces for %d entries", len(m.Traces), len(m.Entries))
	case len(m.Suspects) > MaxMembers:
		return fail("%d suspects: want at most %d", len(m.Suspects), MaxMembers)
	case len(m.Took) > MaxMembers:
		return fail("%d durations: want at most %d", len(m.Took), MaxMembers)
	}
	if err := m.Lineage.Valid(); err != nil {
		return fail("%v", err)
	}
	if err := m.Ruling.Valid(); err != nil {
		return fail("%v", err)
	}
	if len(m.Chain) > 0 {
		if err := m.Chain.Valid(); err != nil {
			return fail("%v", err)
		}
		if m.Chain[0].Shard != m.Shard {
			return fail("carries the chain of shard %d", m.Chain[0].Shard)
		}
	}
	if (m.Kind == MsgWedge || m.Kind == MsgRecruit) && m.Chain.Newest().Epoch != m.Epoch {
		return fail("asks to promise epoch %d with a chain up to %d", m.Epoch, m.Chain.Newest().Epoch)
	}
	if m.Kind == MsgPart {
		if err := m.part().valid(m.Sum); err != nil {
			return fail("%v", err)
		}
	}
	return nil
}
