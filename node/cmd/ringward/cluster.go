package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringward/ringward/rpc/adminpb"
	"github.com/ringward/ringward/rpc/kvpb"
	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// clusterView is one picture made of what all nodes say of themselves. They speak of slightly different
// moments; of two statements on a shard's configuration the newer one counts.
type clusterView struct {
	Cluster string      `json:"cluster"` // empty: the nodes belong to none yet
	Losable int         `json:"losable"` // nodes, whichever they are, that may be lost from now on
	Shards  []shardView `json:"shards"`  // in the order of the ring
	Nodes   []nodeView  `json:"nodes"`

	weakness string // why Losable is 0
	replicas int    // of each shard, in the beginning
	fragile  bool   // no node could be lost in the beginning
}

type shardView struct {
	Shard       uint32       `json:"shard"`
	From        string       `json:"from"`  // where its slice of the hashed keys begins: 16 hexadecimal digits
	Share       float64      `json:"share"` // of the key space, 0 to 1
	Epoch       uint64       `json:"epoch"` // of the newest decided configuration
	Members     []memberView `json:"members"`
	Commit      uint64       `json:"commit"`
	SequencedBy uint32       `json:"sequenced_by"`
	Sequences   uint32       `json:"sequences"`
	Active      bool         `json:"active"` // every member is ACTIVE in Epoch
}

type memberView struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State string `json:"state"` // ACTIVE, PENDING, IMMUTABLE; "down": does not answer; "absent": holds no replica yet
	// What follows is missing where the member is down or absent.
	Epoch   uint64 `json:"epoch,omitempty"` // the newest it knows of
	Synced  bool   `json:"synced,omitempty"`
	Held    bool   `json:"held,omitempty"`
	Last    uint64 `json:"last,omitempty"`
	Durable uint64 `json:"durable,omitempty"`
	Commit  uint64 `json:"commit,omitempty"`
	Applied uint64 `json:"applied,omitempty"`
	Error   string `json:"error,omitempty"`
}

type nodeView struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Zone     string `json:"zone,omitempty"`
	Address  string `json:"address,omitempty"`
	Up       bool   `json:"up"`
	Reason   string `json:"reason,omitempty"` // why it is not up, or what is wrong with it
	Version  string `json:"version,omitempty"`
	Boot     uint64 `json:"boot,omitempty"`
	UptimeMS uint64 `json:"uptime_ms,omitempty"`
	LogBytes uint64 `json:"log_bytes,omitempty"`
	// Suspicions are those of other nodes since the start of this one, FalseSuspicions those of nodes that had not failed.
	Suspicions      uint64   `json:"suspicions"`
	FalseSuspicions uint64   `json:"false_suspicions"`
	Draining        bool     `json:"draining"`
	Shards          []uint32 `json:"shards"`              // it is a member of
	Heads           []uint32 `json:"heads"`               // it is the head of
	Suspected       []string `json:"suspected,omitempty"` // nodes that it suspects

	// LongestRun is the longest run of neighbouring shards among Shards: they are repaired one after the other.
	LongestRun int  `json:"longest_run"`
	stranger   bool // it belongs to another cluster
}

// known gathers what the answers say of nodes and configurations.
type known struct {
	genesis        *adminpb.Genesis
	configurations map[uint32]*kvpb.Configuration // the newest by shard
	names          map[uint64]string
	zones          map[uint64]string
	addresses      map[uint64]string
	drains         map[uint64]bool
	replicas       map[uint64]map[uint32]*adminpb.Replica // by node, of those that answer
	ring           []shard.Configuration                  // configurations in the order of the ring, once all is learned
}

// gather takes in all answers.
func gather(answers []answer) *known {
	k := &known{configurations: map[uint32]*kvpb.Configuration{}, names: map[uint64]string{},
		zones: map[uint64]string{}, addresses: map[uint64]string{}, drains: map[uint64]bool{}, replicas: map[uint64]map[uint32]*adminpb.Replica{}}
	for _, a := range answers {
		k.learn(a)
	}
	return k
}

func merge(answers []answer, timeout time.Duration) clusterView {
	k := gather(answers)
	for _, s := range k.genesis.GetSlices() {
		c := configuration(k.configurations[s.Shard])
		c.Shard = shard.ID(s.Shard)
		k.ring = append(k.ring, c)
	}
	v := clusterView{Cluster: k.genesis.GetCluster(), Shards: []shardView{}, Nodes: []nodeView{}}
	slicesOf := k.genesis.GetSlices()
	for i, s := range slicesOf {
		v.Shards = append(v.Shards, k.shard(i, s))
	}
	var first []shard.Configuration
	for _, c := range k.genesis.GetInitial() {
		first = append(first, configuration(c))
		v.replicas = max(v.replicas, len(c.Members))
	}
	_, v.fragile = sequencer.Everywhere(first)
	answered := map[uint64]bool{}
	for _, a := range answers {
		if a.err == nil {
			answered[a.id()] = true
			v.Nodes = append(v.Nodes, k.node(a))
		}
	}
	v.Nodes = append(v.Nodes, k.silent(answers, answered, timeout)...)
	slices.SortStableFunc(v.Nodes, func(a, b nodeView) int { return compareNames(a.Name, b.Name) })
	live := k.live()
	if v.Losable = losable(live); v.Losable == 0 {
		v.weakness = k.weakness(live)
	}
	return v
}

// configuration is what placement looks at of one.
func configuration(p *kvpb.Configuration) shard.Configuration {
	c := shard.Configuration{Shard: shard.ID(p.GetShard()), Epoch: shard.Epoch(p.GetEpoch())}
	for _, m := range p.GetMembers() {
		c.Members = append(c.Members, shard.NodeID(m))
	}
	return c
}

// learn takes in one answer. The first genesis counts: a node of another cluster is no part of the picture.
func (k *known) learn(a answer) {
	id := a.status.GetIdentity()
	if a.err != nil || id == nil {
		return
	}
	k.names[id.Node], k.zones[id.Node], k.addresses[id.Node] = id.Name, id.Zone, cmp.Or(id.ClientAddress, a.endpoint)
	if g := id.Genesis; g != nil && k.genesis == nil {
		k.genesis = g
		for _, c := range g.Initial {
			k.decided(c)
		}
	}
	if k.stranger(a) {
		return
	}
	replicas := map[uint32]*adminpb.Replica{}
	for _, r := range a.status.Replicas {
		replicas[r.GetConfiguration().GetShard()] = r
		k.decided(r.GetConfiguration())
		for _, c := range r.Register {
			k.decided(c)
		}
	}
	k.replicas[id.Node], k.drains[id.Node] = replicas, id.Drains
	for _, p := range a.status.Peers {
		if k.replicas[p.Id] == nil { // its own word counts
			k.drains[p.Id] = p.Drains
		}
		k.names[p.Id] = cmp.Or(k.names[p.Id], p.Name)
		k.zones[p.Id] = cmp.Or(k.zones[p.Id], p.Zone)
		k.addresses[p.Id] = cmp.Or(k.addresses[p.Id], p.Address)
	}
}

// stranger reports whether the node belongs to another cluster than the first that answered.
func (k *known) stranger(a answer) bool {
	g := a.status.GetIdentity().GetGenesis()
	return g != nil && g.Cluster != k.genesis.GetCluster()
}

func (k *known) decided(c *kvpb.Configuration) {
	if c != nil && c.Epoch > k.configurations[c.Shard].GetEpoch() {
		k.configurations[c.Shard] = c
	}
}

// name is what people call a node: its name, or its id where it has none or shares it.
func (k *known) name(id uint64) string {
	name := k.names[id]
	for other, n := range k.names {
		if n == name && other != id {
			return shard.NodeID(id).String()
		}
	}
	return cmp.Or(name, shard.NodeID(id).String())
}

func (k *known) shard(i int, s *kvpb.Slice) shardView {
	ring := k.genesis.Slices
	c := k.configurations[s.Shard]
	v := shardView{
		Shard: s.Shard, From: fmt.Sprintf("%016x", s.From), Epoch: c.GetEpoch(), Active: len(c.GetMembers()) > 0,
		SequencedBy: ring[(i+len(ring)-1)%len(ring)].Shard, Sequences: ring[(i+1)%len(ring)].Shard,
	}
	end := 0x1p64
	if i+1 < len(ring) {
		end = float64(ring[i+1].From)
	}
	v.Share = (end - float64(s.From)) / 0x1p64
	for _, m := range c.GetMembers() {
		member := k.member(s.Shard, m)
		v.Members = append(v.Members, member)
		v.Commit = max(v.Commit, member.Commit)
		v.Active = v.Active && member.State == "ACTIVE" && member.Epoch == v.Epoch
	}
	return v
}

func (k *known) member(s uint32, id uint64) memberView {
	v := memberView{ID: shard.NodeID(id).String(), Name: k.name(id)}
	replicas, up := k.replicas[id]
	r := replicas[s]
	switch {
	case !up:
		v.State = "down"
	case r == nil:
		v.State = "absent"
	default:
		v.State = strings.TrimPrefix(r.State.String(), "STATE_")
		v.Epoch, v.Synced, v.Held, v.Error = r.GetConfiguration().GetEpoch(), r.Synced, r.Held, r.Error
		v.Last, v.Durable, v.Commit, v.Applied = r.Last, r.Durable, r.Commit, r.Applied
	}
	return v
}

func (k *known) node(a answer) nodeView {
	s, id := a.status, a.status.Identity
	v := nodeView{ID: shard.NodeID(id.Node).String(), Name: k.name(id.Node), Zone: id.Zone, Address: k.addresses[id.Node], Up: true,
		stranger: k.stranger(a), Version: id.Version, Boot: id.Boot, UptimeMS: s.UptimeMs, LogBytes: s.LogBytes,
		Suspicions: s.Suspicions, FalseSuspicions: s.FalseSuspicions}
	k.hosts(id.Node, &v)
	switch {
	case v.stranger:
		v.Reason = "belongs to cluster " + id.Genesis.Cluster
	case id.Genesis == nil && k.genesis != nil:
		v.Reason = "has not joined the cluster: run ringward init again"
	case s.StorageStalledMs > 0:
		v.Reason = fmt.Sprintf("its disk has not answered for %v", time.Duration(s.StorageStalledMs)*time.Millisecond)
	}
	for _, p := range s.Peers {
		if p.Suspected {
			v.Suspected = append(v.Suspected, k.name(p.Id))
		}
	}
	return v
}

// silent lists the nodes that did not answer: those that others know, and
// endpoints of which nobody knows whose they are.
func (k *known) silent(answers []answer, answered map[uint64]bool, timeout time.Duration) []nodeView {
	reasons := map[string]string{}
	for _, a := range answers {
		if a.err != nil {
			reasons[a.endpoint] = reason(a.err, timeout)
		}
	}
	var nodes []nodeView
	add := func(id uint64) {
		if answered[id] {
			return
		}
		answered[id] = true
		v := nodeView{ID: shard.NodeID(id).String(), Name: k.name(id), Zone: k.zones[id], Address: k.addresses[id]}
		v.Reason = cmp.Or(reasons[v.Address], "no node knows its address")
		k.hosts(id, &v)
		delete(reasons, v.Address)
		nodes = append(nodes, v)
	}
	for id := range k.names {
		add(id)
	}
	for _, c := range k.configurations {
		for _, m := range c.Members {
			add(m)
		}
	}
	for address, why := range reasons {
		nodes = append(nodes, nodeView{Address: address, Reason: why, Shards: []uint32{}, Heads: []uint32{}})
	}
	slices.SortFunc(nodes, func(a, b nodeView) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Address, b.Address))
	})
	return nodes
}

// hosts notes the shards that a node is a member of, and is the head of, in the order of the ring.
func (k *known) hosts(id uint64, v *nodeView) {
	v.Shards, v.Heads = []uint32{}, []uint32{}
	for _, c := range k.ring {
		i := slices.Index(c.Members, shard.NodeID(id))
		if i >= 0 {
			v.Shards = append(v.Shards, uint32(c.Shard))
		}
		if i == 0 {
			v.Heads = append(v.Heads, uint32(c.Shard))
		}
	}
	v.Draining = k.drains[id]
	v.LongestRun = sequencer.LongestRun(k.ring, shard.NodeID(id))
}

// live is the newest configurations without the members that do not answer.
func (k *known) live() []shard.Configuration {
	var all []shard.Configuration
	for _, c := range k.ring {
		lost := func(m shard.NodeID) bool { return k.replicas[uint64(m)] == nil }
		c.Members = slices.DeleteFunc(slices.Clone(c.Members), lost)
		all = append(all, c)
	}
	return all
}

// weakness says why no node may be lost from what is live; empty where there is no cluster yet.
func (k *known) weakness(live []shard.Configuration) string {
	for _, c := range live {
		if len(c.Members) == 0 {
			return fmt.Sprintf("no member of shard %d answers", c.Shard)
		}
	}
	for _, c := range live {
		if len(c.Members) == 1 {
			return fmt.Sprintf("%s holds the only copy of shard %d", k.name(uint64(c.Members[0])), c.Shard)
		}
	}
	if m, ok := sequencer.Everywhere(live); ok {
		return fmt.Sprintf("%s is in every shard, and a shard that lost a member is repaired by one that did not", k.name(uint64(m)))
	}
	return ""
}

// losable is how many nodes, whichever they are, may be lost without losing data or the
// ring's power to repair itself.
func losable(configurations []shard.Configuration) int {
	if len(configurations) == 0 {
		return 0
	}
	least := len(configurations[0].Members)
	for _, c := range configurations {
		least = min(least, len(c.Members))
	}
	if least == 0 {
		return 0
	}
	return min(least-1, sequencer.Cover(configurations))
}

// compareNames orders node-2 before node-10: where two names differ in a number, the number counts.
func compareNames(a, b string) int {
	stem := func(s string) string { return strings.TrimRight(s, "0123456789") }
	if sa, sb := stem(a), stem(b); sa == sb && len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
