package sim

import "github.com/ringward/ringward/shard"

// replicaView is one replica as its messages, records and events tell of it.
type replicaView struct {
	hosted bool
	conf   shard.Configuration // the newest it has learned of
	// Epochs of its activations: the last given to the disk, and the last that is durable.
	activating, active shard.Epoch
	synced             bool
	base               shard.Seqno // of the active epoch
	last, commit       shard.Seqno
	// numbered is the highest position it ever had in the epoch it activated last, also before a restart.
	numbered shard.Seqno
	// proposals that stand in its history and may be cut off it again.
	proposals []shard.Seqno

	connectTaken  shard.Number // the highest of its predecessor's in this epoch
	connect       shard.Number // the last it began
	handedBack    shard.Link   // the link on which entries were last handed back to it
	inheritedOver shard.Link   // the link on which an inheritance was last offered to it
	fence         shard.Number // the last it asked
	fencedAt      moment       // when one of its fences was last confirmed by somebody
	asked         []fenceAsked // fences asked of it that it has not confirmed
	fetch         fetching
	void          bool         // it has given up its history for a snapshot
	learned       shard.Number // of its latest MsgFollow that was answered with entries
	part          shard.Number // of the snapshot of which it last took a part, and the epoch of that
	partEpoch     shard.Epoch
	reported      bool // it reported a suspicion in this configuration, and has not taken it back
}

// fenceAsked is a fence that waits for its confirmation.
type fenceAsked struct {
	from   shard.NodeID
	number shard.Number
	at     moment
}

// fetching is the last fetch of a new head.
type fetching struct {
	epoch  shard.Epoch
	number shard.Number
	whole  bool // all of it has come
}

// isActive reports whether it may work in the newest configuration it knows.
func (v *replicaView) isActive() bool { return v.active == v.conf.Epoch }

// shardView is what was decided of one shard, and what its history did.
type shardView struct {
	decided, activated shard.Epoch
	applied            shard.Seqno // by anybody
	uses               map[use]appliedAt
	proposals          map[proposal]bool
	proposedEpoch      shard.Epoch // the newest of proposals
	reports            []shard.Message
}

// use is a command under the identity of a session.
type use struct {
	session shard.SessionID
	op      uint64
}

// appliedAt is where a command was applied first.
type appliedAt struct {
	seqno shard.Seqno
	epoch shard.Epoch
}

// proposal is one successor that somebody wrote into the history, named by its entry.
type proposal struct {
	epoch shard.Epoch // of the successor
	entry uint64      // hash
}

func (r *rare) replica(n *node, id shard.ID) *replicaView { return &r.replicas[n.id-1][id-1] }

func (r *rare) shard(id shard.ID) *shardView { return &r.shards[id-1] }

// registerCommand reads a command about the configurations of the next shard.
func registerCommand(command []byte) (kind byte, c shard.Configuration, ok bool) {
	if len(command) == 0 || shard.CommandKind(command[0]) != shard.CommandRegister {
		return 0, c, false
	}
	cmd, err := shard.DecodeCommand(command)
	if err != nil {
		return 0, c, false
	}
	d := shard.NewDecoder(cmd.Value)
	kind, c = d.Byte(), d.Configuration()
	// What comes behind it tells why, and by whom.
	return kind, c, c.Epoch > 0
}

// The kinds of register command, as they are on disk.
const (
	reconfigures = 1
	activates    = 2
	recruits     = 3
)
