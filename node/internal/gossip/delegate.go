package gossip

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/hashicorp/memberlist"

	"github.com/ringward/ringward/shard"
)

// delegate is the side of Gossip that memberlist calls, from many goroutines and partly under its
// own locks: nothing here may wait for memberlist.
type delegate struct{ *Gossip }

var (
	_ memberlist.Delegate         = delegate{}
	_ memberlist.AliveDelegate    = delegate{}
	_ memberlist.MergeDelegate    = delegate{}
	_ memberlist.EventDelegate    = delegate{}
	_ memberlist.ConflictDelegate = delegate{}
)

// memberName is a node's name towards memberlist, another one for each boot.
func memberName(id shard.NodeID, boot uint64) string { return fmt.Sprintf("%v-%d", id, boot) }

// member reads what another node says of itself.
func member(m *memberlist.Node) (Node, error) {
	n, err := decodeMeta(m.Meta)
	if err != nil {
		return Node{}, err
	}
	if want := memberName(n.ID, n.Boot); m.Name != want {
		return Node{}, fmt.Errorf("member %q says that it is %q", m.Name, want)
	}
	n.Gossip = m.Address()
	return n, nil
}

// NodeMeta is what memberlist tells of this node.
func (d delegate) NodeMeta(limit int) []byte {
	n := d.table.me()
	n.Gossip = "" // memberlist tells it
	return appendMeta(make([]byte, 0, limit), n)
}

// NotifyAlive refuses those who have no place here, one by one.
func (d delegate) NotifyAlive(m *memberlist.Node) error {
	n, err := member(m)
	if err != nil {
		return err
	}
	return d.table.admit(n)
}

// NotifyMerge refuses an exchange with a node all of whose company is foreign: that is what
// a seed of another cluster looks like. Where only some are, NotifyAlive keeps those out.
func (d delegate) NotifyMerge(members []*memberlist.Node) error {
	var refused error
	for _, m := range members {
		n, err := member(m)
		if err == nil {
			err = d.table.admit(n)
		}
		if err == nil {
			return nil
		}
		refused = err
	}
	return refused
}

// NotifyJoin, NotifyUpdate and NotifyLeave keep the table. A leaver's address stays in it.
func (d delegate) NotifyJoin(m *memberlist.Node)   { d.heard(m) }
func (d delegate) NotifyUpdate(m *memberlist.Node) { d.heard(m) }
func (d delegate) NotifyLeave(m *memberlist.Node) {
	if n, err := member(m); err == nil {
		d.table.left(n.ID, n.Boot)
	}
}

func (d delegate) heard(m *memberlist.Node) {
	n, err := member(m)
	if err != nil {
		return // NotifyAlive has refused it before, and memberlist has logged that
	}
	n.Alive = true
	d.note(n)
}

func (d delegate) note(n Node) {
	err := d.table.learn(n)
	level := slog.LevelWarn
	switch {
	case err == nil:
		return
	case errors.Is(err, errForeign), errors.Is(err, errRemoved):
		level = slog.LevelDebug // comes with each exchange with a node that has no cluster yet
	case errors.Is(err, errTwin):
		level = slog.LevelError
		if d.onTwin != nil && d.ctx.Err() == nil {
			d.onTwin(n.Boot)
		}
	}
	d.log.Log(d.ctx, level, "gossip about a node is ignored", "node", n.ID, "name", n.Name, "boot", n.Boot, "address", n.Address, "reason", err)
}

// NotifyConflict hears of two addresses that claim the same boot of the same node.
func (d delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.log.Error("two processes run with one node id: a data directory must not be copied",
		"member", existing.Name, "gossip", existing.Address(), "other", other.Address())
}

// NotifyMsg takes a broadcast. The bytes are memberlist's; decoding copies them.
func (d delegate) NotifyMsg(b []byte) {
	cluster, ch, err := decodeHint(b)
	if err != nil {
		d.log.Warn("a gossip message is ignored", "reason", err)
		return
	}
	if own := d.table.me().Cluster; own == "" || own != cluster {
		d.log.Debug("a hint of another cluster is ignored", "cluster", cluster, "own", own)
		return
	}
	d.received(ch)
}

// LocalState and MergeRemoteState are the two halves of a full exchange.
func (d delegate) LocalState(bool) []byte { return d.table.state().append(nil) }

func (d delegate) MergeRemoteState(b []byte, _ bool) {
	s, err := decodeState(b)
	if err != nil {
		d.log.Warn("a full state is ignored", "reason", err)
		return
	}
	own := d.table.me().Cluster
	if foreign(own, s.cluster) {
		d.log.Debug("the full state of another cluster is ignored", "cluster", s.cluster, "own", own)
		return
	}
	for _, n := range s.nodes {
		d.note(n)
	}
	if own == "" || own != s.cluster {
		return
	}
	news, err := d.table.remove(s.removed...)
	if err != nil {
		d.log.Warn("not all removed nodes are known", "reason", err)
	}
	if len(news) > 0 && d.onRemoved != nil {
		d.onRemoved(news)
		d.log.Info("others know of removed nodes", "nodes", news)
	}
	for _, ch := range s.chains {
		d.received(ch)
	}
}

// GetBroadcasts hands out the hints that are still to be passed on.
func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.queue.GetBroadcasts(overhead, limit)
}

// received takes a hint from another node, passes it on if it is news, and tells the caller.
func (d delegate) received(ch shard.Chain) {
	joined, news, err := d.table.hint(ch, d.spread)
	switch {
	case err != nil:
		// Two successors of one configuration: some node is not what it should be.
		d.log.Error("a hint is ignored", "reason", err)
	case news:
		d.deliver(joined)
	}
}

// hint is a broadcast. One about a shard takes the place of the earlier about the same shard.
type hint struct {
	name    string
	message []byte
}

var _ memberlist.NamedBroadcast = hint{}

func newHint(cluster string, ch shard.Chain) hint {
	return hint{name: strconv.FormatUint(uint64(ch[0].Shard), 10), message: appendHint(nil, cluster, ch)}
}

func (h hint) Name() string    { return h.name }
func (h hint) Message() []byte { return h.message }
func (h hint) Finished()       {}

func (h hint) Invalidates(b memberlist.Broadcast) bool {
	other, ok := b.(hint)
	return ok && other.name == h.name
}
