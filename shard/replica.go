package shard

import (
	"fmt"
	"slices"

	"github.com/ringward/ringward/shard/mutant"
)

// Options are what a replica is told once.
type Options struct {
	Self    NodeID
	Numbers *Numbers
	// MessageBytes bounds the entries in one message; a single larger entry travels alone.
	MessageBytes int
	// InFlightBytes bounds the entries that the head has numbered and that are not applied yet and, apart from them, the
	// requests it holds. A replica acknowledges nothing while more than that waits for its own applier.
	InFlightBytes int
	// WaitingReads bounds the reads waiting for a fence or for commit.
	WaitingReads int
	// KeepBytes is how much of its committed entries a replica keeps in memory, for those who lag behind.
	KeepBytes int
	// LineageViews is how many epochs a lineage reaches back. Zero: DefaultViews.
	LineageViews int
	// MinReplicas is how many members there must be for the head to take writes of clients.
	MinReplicas int
	// FillBytes bounds what a replica takes in of a snapshot in one tick, but for one part, and what it reads from the log for one
	// that learns from it, but for one entry. Zero: nothing does.
	FillBytes int
	// SourceTicks is for how many ticks a node may take to read a part of a snapshot, or to take it in, at least: how long its disk
	// takes has nothing to do with how long a tick is.
	SourceTicks int
}

// Replica is one replica of one shard: the chain within an epoch, reads, and
// the steps from one configuration to the next. It holds state only.
// Whatever happens to it is a call of a method, whatever it wants done is in
// the next Ready; it knows no clock, disk, network or thread.
//
// Its history in memory runs ahead of the disk by the records in `writing`, in
// the order of the log. What it may say to others depends on what is durable:
// acknowledgements on durable, wedge answers on promised, being ACTIVE on active.
type Replica struct {
	opt Options
	// stored is the replica as its log will know it once all records given out
	// are durable. Its entries are those above commit, and keptBytes of those before.
	stored    Stored
	keptBytes int
	// conf is the newest of stored.Chain: the configuration promised.
	conf    Configuration
	writing []writing

	durable  Seqno // the last entry of the present history that is durable
	promised Epoch // the newest epoch whose promise is durable
	active   Epoch // the newest epoch whose activation is durable

	// commit is the position up to which the history is known persistent and
	// has been given to the applier; told is the head's last word on it, which a replica
	// that has not all of it durable cannot follow yet.
	commit, told Seqno

	// synced: holds all it ever accepted in this epoch, also after a restart.
	synced bool
	// floor is what commit must reach before a head vouches for anything: all it
	// inherited, and all it recovered after a restart.
	floor Seqno

	up   upstream
	down downstream
	// learner is this replica's following of a configuration that it is no member of, followers are those of
	// others at this tail; fill is the snapshot that it takes in.
	learner   learner
	followers []follower
	fill      fill
	// recollection is what it takes back into memory.
	recollection recollection
	// inheriting gathers the entries a predecessor offers, until they are complete.
	inheriting []Entry

	hold       bool
	held       []Request
	heldBytes  int
	inFlight   int   // bytes of the entries that this head numbered, and that are not committed
	firstWrite Seqno // the first one of a client that this head numbered in conf; 0: none yet
	// applying are the entries given to the applier that are not applied, applyingBytes how much they are.
	applying      []applying
	applyingBytes int
	tokens        map[Seqno]Token
	traces        map[Seqno]string // of entries that are not settled; see Request.Trace

	reads     reads
	fenceAsks map[NodeID]Number // asked of this replica before it could vouch
	wedgeAsks []wedgeAsk        // asked before the promise was durable

	ticks int
	out   Output
	given Output // what the last Output returned: used again for the one after the next
	err   error
}

// Output is what a replica wants done since the last time it was asked. See
// engine.Ready, which it becomes part of.
type Output struct {
	Write   []Record
	Send    []Message
	Work    []Work
	Exports []Export
	Recalls []Recall
	Replies []Reply
	Events  []Event
}

// Work is one step for the applier, once all work before it is done: an entry to apply, the contents to
// clear, a part of a snapshot to put into them; else a key to read.
type Work struct {
	Shard ID
	Entry Entry
	Clear bool
	Part  *Part
	Key   []byte
	Token Token // who waits for the result; nil: nobody here
}

// writing is a record on its way to the disk.
type writing struct {
	kind  RecordKind
	seqno Seqno // the last entry it makes durable; 0: none, or void since
	epoch Epoch // RecordPromise, RecordActivate
	void  bool  // RecordFollow: it gives up the history
}

// applying is an entry on its way through the applier.
type applying struct {
	seqno Seqno
	size  int
}

type wedgeAsk struct {
	from   NodeID
	number Number
}

// NewReplica brings up the replica that the log describes. Its commit is stored.Start, what the
// contents hold.
func NewReplica(opt Options, stored Stored) (*Replica, error) {
	if err := stored.Chain.Valid(); err != nil {
		return nil, err
	}
	if mutant.On(mutant.PromiseForgotten) && stored.Active > 0 {
		for len(stored.Chain) > 1 && stored.Chain.Newest().Epoch > stored.Active {
			stored.Chain = stored.Chain[:len(stored.Chain)-1]
		}
	}
	r := newReplica(opt, stored)
	if r.State() == Active {
		r.floor, _ = stored.Lineage.BaseOf(r.active)
		if r.conf.Tail() == opt.Self {
			r.sync()
		} else {
			r.connect()
		}
	}
	return r, nil
}

func newReplica(opt Options, stored Stored) *Replica {
	if opt.LineageViews == 0 {
		opt.LineageViews = DefaultViews
	}
	return &Replica{
		opt: opt, stored: stored, conf: stored.Chain.Newest(),
		durable: stored.Last(), promised: stored.Chain.Newest().Epoch, active: stored.Active,
		commit: stored.Start, told: stored.Start,
		tokens: map[Seqno]Token{}, traces: map[Seqno]string{}, fenceAsks: map[NodeID]Number{},
	}
}

// State in the newest configuration the replica knows.
func (r *Replica) State() State {
	switch {
	case r.active == r.conf.Epoch:
		return Active
	case r.conf.Has(r.opt.Self):
		return Pending
	}
	return Immutable
}

// Err says why the replica stopped, nil while it has not: an invariant of the
// protocol was seen broken. A stopped replica does nothing any more.
func (r *Replica) Err() error { return r.err }

func (r *Replica) broken(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("shard %d at %v: broken invariant: %s", r.conf.Shard, r.opt.Self, fmt.Sprintf(format, args...))
	}
}

// Configuration is the newest decided one the replica knows, and so its promise.
func (r *Replica) Configuration() Configuration { return r.conf }

// Chain is what the replica knows of decided configurations.
func (r *Replica) Chain() Chain { return r.stored.Chain }

// Standing is where a replica stands, in its own view.
type Standing struct {
	Configuration Configuration
	State         State
	Synced        bool
	Active        Epoch // the last epoch in which it was ACTIVE
	Last          Seqno
	Durable       Seqno
	Commit        Seqno
	Held          bool // new requests wait, because a member is suspected
	Lineage       Lineage
	Load          Load
	Err           error // why it stopped, see Replica.Err
}

// Load is what a replica has gathered and cannot let go yet. Each part has a bound.
type Load struct {
	InFlightBytes int // of entries that it numbered as head and that are not committed: Options.InFlightBytes
	HeldBytes     int // of requests held: Options.InFlightBytes
	Reads         int // waiting for a fence or for commit: Options.WaitingReads
	Fences        int // asked of it before it can vouch: one for each member
	Wedges        int // asked before its promise is durable: asksPerNode for each node
	Callers       int // waiting for entries that are not committed
	Traces        int // of entries that are not settled
}

// Standing reports where the replica stands.
func (r *Replica) Standing() Standing {
	return Standing{
		Configuration: r.conf, State: r.State(), Synced: r.synced, Active: r.active, Last: r.last(),
		Durable: r.durable, Commit: r.commit, Held: r.hold, Lineage: slices.Clone(r.stored.Lineage), Err: r.err,
		Load: Load{
			InFlightBytes: r.inFlight, HeldBytes: r.heldBytes, Reads: r.reads.count(), Fences: len(r.fenceAsks),
			Wedges: len(r.wedgeAsks), Callers: len(r.tokens), Traces: len(r.traces),
		},
	}
}

// Inherits reports whether the replica is the head of a new configuration and has no history for it yet.
func (r *Replica) Inherits() bool {
	return r.err == nil && r.State() == Pending && r.stored.Active != r.conf.Epoch && r.isHead()
}

func (r *Replica) last() Seqno    { return r.stored.Last() }
func (r *Replica) isHead() bool   { return r.conf.Head() == r.opt.Self }
func (r *Replica) isActive() bool { return r.State() == Active }

func (r *Replica) lastHash() uint64 {
	h, _ := r.stored.HashAt(r.last())
	return h
}

// write gives a record to the log and folds it into the history in memory.
func (r *Replica) write(rec Record) {
	rec.Shard = r.conf.Shard
	if err := r.stored.Replay(rec); err != nil {
		r.broken("%v", err)
		return
	}
	w := writing{kind: rec.Kind, epoch: rec.Epoch}
	switch rec.Kind {
	case RecordEntry:
		w.seqno = r.last()
	case RecordPromise:
		w.epoch = rec.Chain.Newest().Epoch
	case RecordActivate, RecordFollow:
		for i := range r.writing {
			if r.writing[i].seqno > rec.Cut {
				r.writing[i].seqno = 0
			}
		}
		r.durable = min(r.durable, rec.Cut)
		w.seqno, w.void = r.last(), r.stored.Void()
	}
	r.writing = append(r.writing, w)
	r.out.Write = append(r.out.Write, rec)
}

// Rewrite puts all that the log must keep of this replica into it once more, so that its older segments
// can go. It changes nothing: an activation in the same epoch, of the same history. What was durable stays so.
func (r *Replica) Rewrite() {
	if r.err != nil || r.stored.Void() || r.beginning() {
		return
	}
	hash, _ := r.stored.HashAt(r.commit)
	rec := Record{
		Shard: r.conf.Shard, Kind: RecordActivate, Epoch: r.stored.Active, Lineage: r.stored.Lineage,
		Cut: r.commit, Hash: hash, Entries: slices.Clone(r.stored.Entries[r.commit-r.stored.Start:]),
	}
	if r.stored.Active == 0 {
		rec.Kind = RecordFollow
	}
	r.writing = append(r.writing, writing{kind: rec.Kind, epoch: rec.Epoch})
	r.out.Write = append(r.out.Write, rec)
}

// Durable tells that the first n of the records given out and not yet confirmed
// are fsynced.
func (r *Replica) Durable(n int) {
	for _, w := range r.writing[:n] {
		if w.seqno > 0 {
			r.durable = w.seqno
		}
		switch w.kind {
		case RecordPromise:
			r.promised = w.epoch
		case RecordActivate:
			if w.epoch > r.active || mutant.On(mutant.ActivatedAgain) {
				r.activated(w.epoch)
			}
		case RecordFollow:
			r.followed(w.void)
		}
	}
	r.writing = slices.Delete(r.writing, 0, n)
	if r.promised == r.conf.Epoch {
		for _, a := range r.wedgeAsks {
			r.answerWedge(a)
		}
		r.wedgeAsks = r.wedgeAsks[:0]
	}
}

// Applied tells up to where the work given out is done.
func (r *Replica) Applied(seqno Seqno) {
	n := 0
	for n < len(r.applying) && r.applying[n].seqno <= seqno {
		r.applyingBytes -= r.applying[n].size
		n++
	}
	r.applying = slices.Delete(r.applying, 0, n)
}

// hasApplied reports whether the history is committed and applied up to there.
func (r *Replica) hasApplied(seqno Seqno) bool {
	return r.commit >= seqno && (len(r.applying) == 0 || r.applying[0].seqno > seqno)
}

// Served reports whether a write that this head numbered in its configuration has been acknowledged.
func (r *Replica) Served() bool { return r.firstWrite != 0 && r.hasApplied(r.firstWrite) }

// Step takes a message from another replica of the shard, which has passed Message.Valid.
func (r *Replica) Step(m Message) {
	if r.err != nil {
		return
	}
	if len(m.Chain) > 0 {
		if r.Learn(m.Chain); r.err != nil {
			return
		}
	}
	switch m.Kind {
	case MsgWedge:
		r.onWedge(m)
		return
	case MsgFetch:
		r.onFetch(m)
		return
	case MsgSnapshot:
		r.onSnapshot(m)
		return
	case MsgPart:
		r.onPart(m)
		return
	case MsgRefuse:
		if m.Epoch == r.conf.Epoch && r.isActive() && m.From == r.conf.Successor(r.opt.Self) && m.Link == r.down.link() {
			r.connect()
		}
		return
	}
	// Everything else belongs to one epoch. Below the promise it is refused, with
	// what is known of the configurations since; above, its chain would have
	// come with it.
	if m.Epoch != r.conf.Epoch {
		if mutant.On(mutant.WedgedDrains) && m.Kind == MsgAppend && m.Link == r.up.link {
			for _, e := range m.Entries {
				if e.Seqno() == r.last()+1 && e.Follows(r.lastHash()) {
					r.write(Record{Kind: RecordEntry, Entry: e})
				}
			}
			r.out.Send = append(r.out.Send, Message{
				Kind: MsgAck, Shard: m.Shard, From: r.opt.Self, To: m.From, Epoch: m.Epoch, Link: m.Link, Last: r.durable,
			})
			return
		}
		if m.Epoch < r.conf.Epoch {
			r.send(Message{Kind: MsgRefuse, To: m.From, Chain: r.stored.Chain})
		}
		return
	}
	switch m.Kind {
	case MsgConnect:
		r.onConnect(m)
	case MsgConnected:
		r.onConnected(m)
	case MsgInherit:
		r.onInherit(m)
	case MsgHandBack:
		r.onHandBack(m)
	case MsgAppend:
		r.onAppend(m)
	case MsgAck:
		r.onAck(m)
	case MsgFence:
		r.onFence(m)
	case MsgFenced:
		r.onFenced(m)
	case MsgFollow:
		r.onFollow(m)
	case MsgFed:
		r.onFed(m)
	case MsgFollowed:
		r.onFollowed(m)
	case MsgCompacted:
		r.onCompacted(m)
	}
}

func (r *Replica) send(m Message) {
	m.Shard, m.From, m.Epoch = r.conf.Shard, r.opt.Self, r.conf.Epoch
	r.out.Send = append(r.out.Send, m)
}

// Tick passes one unit of time. Nothing depends on its length but how soon a lost message
// is sent again.
func (r *Replica) Tick() {
	r.ticks++
	switch {
	case r.err != nil:
	case r.isActive():
		r.tickLink()
		r.tickReads()
		r.tickFollowers()
	default:
		r.tickFill()
		r.tickLearner()
	}
}

// Output returns what the replica wants done, and forgets it. Entries, commit and acknowledgements that gathered
// since the last call leave here, in one message per neighbour. Its slices are the caller's until the next call.
func (r *Replica) Output() Output {
	switch {
	case r.err != nil:
	case r.isActive():
		r.advance()
		r.pump(false)
		r.acknowledge()
		r.settleTraces()
		r.askFence()
		r.feed()
		r.forget() // not before those who follow have had it
	case r.learner.fed:
		r.advance()
		r.acknowledgeFed()
		r.forget()
	}
	r.out, r.given = r.given.emptied(), r.out
	return r.given
}

// emptied is empty, and has the room of o.
func (o Output) emptied() Output {
	return Output{
		Write: Emptied(o.Write), Send: Emptied(o.Send), Work: Emptied(o.Work), Exports: Emptied(o.Exports), Recalls: Emptied(o.Recalls),
		Replies: Emptied(o.Replies), Events: Emptied(o.Events),
	}
}

// mostRoom bounds what Emptied keeps, in elements: a burst is no reason to hold its memory for ever.
const mostRoom = 4096

// Emptied is s without its elements, which it does not hold on to any more, so that its room can be used again.
func Emptied[T any](s []T) []T {
	if cap(s) > mostRoom {
		return nil
	}
	clear(s)
	return s[:0]
}
