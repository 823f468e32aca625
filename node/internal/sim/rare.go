package sim

import "fmt"

// Rare is a state that takes several things to come together, and that some rule of the protocol is there for. Runs count
// how often each was reached: a simulator that never gets there proves nothing about the rule.
type Rare uint8

// The rare states, by the section of the protocol that speaks of them; what each is stands in rareStates.
const (
	// The chain.
	headRecovers Rare = iota
	memberRecovers
	handBackInParts
	unsyncedFence
	fenceLate
	oldHandshake
	oldHandshakeAnswer
	oldLinkRefused
	numberedOverBase
	baseOfUnsynced
	// Decisions.
	twoProposals
	lateProposal
	lostProposal
	decisionWhileWedged
	wedgedSequencer
	threeDecisions
	neighboursTogether
	wholeRing
	lateActivated
	chainOfOne
	ruled
	ruledUponPending
	// Wedges.
	wedgePending
	wedgeUnsynced
	wedgeActivating
	wedgedByRefusal
	wedgedByHandshake
	wedgedByAnswer
	wedgedByGossip
	lateWedge
	rewriteWedged
	persistentLate
	// Inheriting.
	walkBack
	walkBackFar
	fetch
	fetchInParts
	fetchAgain
	inheritInParts
	inheritAgain
	voidCut
	activatedLate
	pendingRestart
	pendingHeadCrash
	activationLost
	promiseLost
	entriesLost
	headLosesEntries
	shardDown
	ringDown
	beyondRepair
	// Learners.
	learnerAppended
	memberReturns
	snapshotAtMember
	snapshotInParts
	snapshotGone
	fillWedged
	fillGoesOn
	fillCrash
	learnerCut
	learnerBehind
	fedFromLog
	logTooShort
	inheritFromLog
	learnerGivenUp
	learnerPastTail
	// Planned reconfigurations.
	moved
	lowered
	drainedOut
	handedOver
	// Holds.
	holdReleased
	heldWedged
	// Reads.
	readWedged
	readBehind
	readPassed
	oldFenceAnswer
	staleWedged
	// Clients.
	doubtAtWedge
	retryOne
	retryTwo
	duplicate
	duplicateLater
	expiredRetry
	lateExpiry
	opForgotten
	overload
	// Suspicion.
	healthySuspected
	hungSuspected
	suspectsAll
	accuseEachOther
	sequencerSuspected
	lateEvidence
	// Rares is how many there are.
	Rares
)

// rareStates names and describes them.
var rareStates = [Rares]struct{ name, what string }{
	headRecovers:        {"head-recovers", "a head takes entries back from its successor that it lost in a crash"},
	memberRecovers:      {"member-recovers", "a member that is no head takes entries back that it lost in a crash"},
	handBackInParts:     {"hand-back-in-parts", "what is handed back takes more than one message"},
	unsyncedFence:       {"unsynced-fence", "a fence is asked of an unsynced replica"},
	fenceLate:           {"fence-late", "a fence is confirmed some time after it came, when the replica can vouch"},
	oldHandshake:        {"old-handshake", "a handshake arrives after one with a higher number"},
	oldHandshakeAnswer:  {"old-handshake-answer", "a handshake is answered after its asker has begun another"},
	oldLinkRefused:      {"old-link-refused", "entries of a link that is no more are refused"},
	numberedOverBase:    {"numbered-over-base", "a new head gives out a number while its base is not persistent yet"},
	baseOfUnsynced:      {"base-of-unsynced", "an unsynced replica offers its base to a PENDING successor"},
	twoProposals:        {"two-proposals", "two proposals are made for one epoch"},
	lateProposal:        {"late-proposal", "a proposal becomes persistent after another for the same epoch, and changes nothing"},
	lostProposal:        {"lost-proposal", "a proposal is cut from the history before it is persistent everywhere"},
	decisionWhileWedged: {"decision-while-wedged", "a replica of the sequencer learns of a decision it carries out when it is wedged itself"},
	wedgedSequencer:     {"wedged-sequencer", "a sequencer is reconfigured while a decision of its own is not carried out yet"},
	threeDecisions:      {"three-decisions", "three successors are decided before one of them is recorded as ACTIVE"},
	neighboursTogether:  {"neighbours-together", "two neighbours in the ring are reconfigured at the same time"},
	wholeRing:           {"whole-ring", "all shards of a ring of three or more are reconfigured at the same time"},
	lateActivated:       {"late-activated", "a configuration is recorded as ACTIVE after its successor was decided"},
	chainOfOne:          {"chain-of-one", "a read is served by a configuration of one member that had more before"},
	ruled:               {"ruled", "an operator decides, since every shard has lost a member for good"},
	ruledUponPending:    {"ruled-upon-pending", "what an operator decides continues a decision that is not known to be persistent"},
	wedgePending:        {"wedge-pending", "a wedge finds a PENDING replica"},
	wedgeUnsynced:       {"wedge-unsynced", "a wedge finds an ACTIVE replica that is not synced"},
	wedgeActivating:     {"wedge-activating", "a wedge comes while the activation is on its way to the disk"},
	wedgedByRefusal:     {"wedged-by-refusal", "a refusal is what wedges a replica"},
	wedgedByHandshake:   {"wedged-by-handshake", "the handshake of its new predecessor is what wedges a replica"},
	wedgedByAnswer:      {"wedged-by-answer", "the answer of another to a wedge is what wedges a replica"},
	wedgedByGossip:      {"wedged-by-gossip", "a hint about configurations is what wedges a replica"},
	lateWedge:           {"late-wedge", "a wedge comes to a replica that has promised more"},
	rewriteWedged:       {"rewrite-wedged", "a log is written anew for a replica that is wedged"},
	persistentLate:      {"persistent-late", "an entry becomes persistent in an epoch that a member has left"},
	walkBack:            {"walk-back", "a head inherits over a configuration that never activated"},
	walkBackFar:         {"walk-back-far", "a head inherits over two configurations or more that never activated"},
	fetch:               {"fetch", "the head of a new configuration fetches entries it lacks"},
	fetchInParts:        {"fetch-in-parts", "what is fetched takes more than one message"},
	fetchAgain:          {"fetch-again", "the owner of a history goes away during the fetch, and the head chooses again without it"},
	inheritInParts:      {"inherit-in-parts", "an inheritance takes more than one message down the chain"},
	inheritAgain:        {"inherit-again", "an inheritance is offered to the same replica once more"},
	voidCut:             {"void-cut", "a replica cuts void entries when it inherits"},
	activatedLate:       {"activated-late", "an activation becomes durable after a newer promise was made"},
	pendingRestart:      {"pending-restart", "a replica restarts before it was ACTIVE"},
	pendingHeadCrash:    {"pending-head-crash", "the head of a new configuration crashes before it was ACTIVE"},
	activationLost:      {"activation-lost", "a crash loses an activation"},
	promiseLost:         {"promise-lost", "a crash loses a promise"},
	entriesLost:         {"entries-lost", "a crash loses accepted entries"},
	headLosesEntries:    {"head-loses-entries", "a crash of a head loses entries that it gave out"},
	shardDown:           {"shard-down", "all members of a configuration are down at the same time"},
	ringDown:            {"ring-down", "all nodes are down at the same time"},
	beyondRepair:        {"beyond-repair", "a decision under way leaves a shard to lost members only"},
	learnerAppended:     {"learner-appended", "a node that never was a member is appended to a chain"},
	memberReturns:       {"member-returns", "a node that was dropped is appended again"},
	snapshotAtMember:    {"snapshot-at-member", "a PENDING member lacks so much that it takes a snapshot"},
	snapshotInParts:     {"snapshot-in-parts", "a snapshot takes more than one part"},
	snapshotGone:        {"snapshot-gone", "a snapshot is gone before all parts of it were asked for"},
	fillWedged:          {"fill-wedged", "a wedge comes while a snapshot is taken in"},
	fillGoesOn:          {"fill-goes-on", "a snapshot goes on over a decision"},
	fillCrash:           {"fill-crash", "a node crashes while it takes in a snapshot"},
	learnerCut:          {"learner-cut", "a node that comes back holds entries that its lineage makes void"},
	learnerBehind:       {"learner-behind", "a learner falls so far behind that the tail keeps no entries for it"},
	fedFromLog:          {"fed-from-log", "what a learner lacks is no longer in memory, and comes from the log on disk"},
	logTooShort:         {"log-too-short", "what a learner lacks is no longer in the log either"},
	inheritFromLog:      {"inherit-from-log", "a replica reads from its log what another needs to become ACTIVE"},
	learnerGivenUp:      {"learner-given-up", "another node is recorded as the learner, or none, before the first was appended"},
	learnerPastTail:     {"learner-past-tail", "a tail knows less of what is committed than its learner"},
	moved:               {"moved", "a node takes the place of another in one decision"},
	lowered:             {"lowered", "a shard gives a member up, since there are too few nodes for so many"},
	drainedOut:          {"drained-out", "a node that drains leaves its last chain"},
	handedOver:          {"handed-over", "a node stops that has left all chains that have other members"},
	holdReleased:        {"hold-released", "a suspicion ends without a decision, and the hold with it"},
	heldWedged:          {"held-wedged", "a write is held when the wedge comes"},
	readWedged:          {"read-wedged", "a read waits when the wedge comes"},
	readBehind:          {"read-behind", "a fenced read waits for the commit that the head named"},
	readPassed:          {"read-passed", "an entry that came later and is persistent serves a read as its fence"},
	oldFenceAnswer:      {"old-fence-answer", "a fence is confirmed when another one is asked already"},
	staleWedged:         {"stale-wedged", "a stale read is served by a wedged replica"},
	doubtAtWedge:        {"doubt-at-wedge", "a write has its number and no outcome when the wedge comes"},
	retryOne:            {"retry-one", "a retry is answered one configuration later"},
	retryTwo:            {"retry-two", "a retry is answered two or more configurations later"},
	duplicate:           {"duplicate", "a command stands in the history twice, and is answered from the record"},
	duplicateLater:      {"duplicate-later", "a command is answered from the record in a later epoch"},
	expiredRetry:        {"expired-retry", "a session expires under a retry"},
	lateExpiry:          {"late-expiry", "a session is used before its expiry, and stays"},
	opForgotten:         {"op-forgotten", "a command arrives whose result the client has moved past"},
	overload:            {"overload", "a limit on work in progress refuses a request"},
	healthySuspected:    {"healthy-suspected", "a node is suspected that is up, not paused, and has a working disk"},
	hungSuspected:       {"hung-suspected", "a node is suspected because its disk does not answer"},
	suspectsAll:         {"suspects-all", "a node suspects all others that it watches, three or more"},
	accuseEachOther:     {"accuse-each-other", "two members of a shard report each other"},
	sequencerSuspected:  {"sequencer-suspected", "the head of a sequencer is told to suspect itself"},
	lateEvidence:        {"late-evidence", "a node is suspected for evidence of its failure, and is up again"},
}

func (r Rare) String() string {
	if r < Rares {
		return rareStates[r].name
	}
	return fmt.Sprintf("Rare(%d)", uint8(r))
}

// What describes the state in a sentence.
func (r Rare) What() string { return rareStates[r].what }

// rare watches a world from outside for rare states.
type rare struct {
	w      *world
	counts [Rares]int
	// replicas are by node and shard.
	replicas [][]replicaView
	shards   []shardView // by shard, as decided
}

// saw counts a state.
func (r *rare) saw(state Rare) { r.counts[state]++ }

func newRare(w *world) *rare {
	r := &rare{w: w, replicas: make([][]replicaView, len(w.nodes)), shards: make([]shardView, len(w.genesis.Initial))}
	for i := range r.replicas {
		r.replicas[i] = make([]replicaView, len(w.genesis.Initial))
	}
	for i, c := range w.genesis.Initial {
		r.shards[i] = shardView{decided: c.Epoch, activated: c.Epoch, uses: map[use]appliedAt{}, proposals: map[proposal]bool{}}
	}
	return r
}
