package shard

import "fmt"

// EventKind says what happened to a replica.
type EventKind uint8

const (
	// EventWedged: a decided successor was learned; From is where the replica stood.
	EventWedged EventKind = iota + 1
	// EventViewChange: the replica became ACTIVE. It goes from the last position of the
	// epoch in which it was active before to the base of the new one.
	EventViewChange
	// EventSynced: the replica holds again all it accepted before its restart.
	EventSynced
	// EventReconfigured: a successor was decided here, in the sequencer's history; Configuration says which.
	EventReconfigured
	// EventSuspected: a member of the shard is suspected from now on; Node says which.
	EventSuspected
	// EventTrusted: the suspicion has ended.
	EventTrusted
	// EventIncomparable: a neighbour holds less than was persistent, as after the return of
	// an old copy of its disk. It is not served. Node says which.
	EventIncomparable
	// EventEntered: a traced entry became part of the history here; To says where, Trace to which trace it belongs.
	EventEntered
	// EventSettled: a traced entry is durable here and at everyone after; at the head: committed.
	EventSettled
)

func (k EventKind) String() string {
	names := [...]string{EventWedged: "wedged", EventViewChange: "view change", EventSynced: "synced",
		EventReconfigured: "reconfigured", EventSuspected: "suspected", EventTrusted: "trusted", EventIncomparable: "incomparable",
		EventEntered: "entered", EventSettled: "settled"}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("EventKind(%d)", uint8(k))
}

// Event says what happened, for metrics, logs and checkers. Nothing depends on it.
type Event struct {
	Kind          EventKind
	Shard         ID
	From, To      View
	Node          NodeID
	Configuration Configuration
	Trace         string
}
