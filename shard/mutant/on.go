//go:build mutants

package mutant

import (
	"fmt"
	"os"
)

// Description says what a mutant does.
type Description struct {
	Mutant Mutant
	Name   string
	Rule   string // the section of the protocol that it misreads
	Bug    string
}

// All are the mutants, in the order of the protocol.
var All = []Description{
	{AckBeforeFsync, "ack-before-fsync", "2.2", "a replica acknowledges an entry that is not durable on itself"},
	{AckBeforeSuccessor, "ack-before-successor", "2.2", "a replica acknowledges an entry that its successor has not acknowledged"},
	{ApplyBeforeCommit, "apply-before-commit", "2.3", "what is durable here is applied, whatever commit says"},
	{OldConnectionCounts, "old-connection-counts", "2.5", "an entry of an old connection is accepted after the handshake"},
	{HandshakesByArrival, "handshakes-by-arrival", "2.5", "the handshake that arrives last counts, not the one with the highest number"},
	{NumbersRestart, "numbers-restart", "2.5", "numbers of handshakes, fences and wedges start again with each boot"},
	{NumberBeforeSynced, "number-before-synced", "2.4", "a head gives out numbers before it has back what it lost"},
	{UnsyncedWelcomes, "unsynced-welcomes", "2.4", "an unsynced replica answers its predecessor's handshake and hands back"},
	{CommitBelowRecovered, "commit-below-recovered", "2.4", "a head vouches with a commit that does not cover what it recovered"},

	{EpochReused, "epoch-reused", "3.1", "a decision that was not activated is replaced by another of the same epoch"},
	{TwoSuccessors, "two-successors", "3.1", "the second of two decisions for one epoch replaces the first"},
	{ProposerActsEarly, "proposer-acts-early", "3.1", "the proposer acts on a decision that is not persistent yet"},
	{WedgeWithoutDecision, "wedge-without-decision", "3.3", "a suspecting replica wedges before anything is decided"},
	{WedgeAnsweredEarly, "wedge-answered-early", "4.2", "a wedge is answered before the promise is durable"},
	{PromiseForgotten, "promise-forgotten", "4.2", "a promise is forgotten by a restart"},
	{PendingAnswersActive, "pending-answers-active", "4.3", "a replica that was only PENDING answers that it was ACTIVE"},
	{WedgedDrains, "wedged-drains", "4.2", "a wedged replica goes on with the entries that are still under way to it"},
	{WedgedAgain, "wedged-again", "4.4", "epochs are compared with >=: a wedge for its own epoch stops a replica"},
	{WedgeTwoConfigurations, "wedge-two-configurations", "4.1", "a wedge goes to the old and the new configuration only"},
	{ForgottenWhenHeadActive, "forgotten-when-head-active", "4.5", "older configurations are forgotten when the head alone is ACTIVE"},

	{LongestHistory, "longest-history", "5.2", "the longest history is inherited, whatever epoch it was ACTIVE in"},
	{WalkBackStopsAtPending, "walk-back-stops-at-pending", "5.1", "a member that was PENDING ends the walk back"},
	{NoWalkBack, "no-walk-back", "5.1", "whoever answered first is enough"},
	{CutAtLength, "cut-at-length", "5.3", "histories are taken to agree as far as the shorter goes, whatever their lineages say"},
	{ActivationBeforeData, "activation-before-data", "5.3", "ACTIVE is durable before the inherited entries"},
	{ActiveBeforeDurable, "active-before-durable", "5.3", "a replica is ACTIVE before that is durable"},
	{ActivatedAgain, "activated-again", "5.3", "epochs are compared with >=: rewriting an activation counts as one"},
	{FenceBeforeBase, "fence-before-base", "5.4", "a new head vouches before its base is persistent"},

	{LearnerCommits, "learner-commits", "6.2", "what a learner has counts as durable at the tail"},
	{LearnerCutAtCommit, "learner-cut-at-commit", "6.2", "a learner is cut at the tail's commit, which a restarted tail has forgotten"},
	{LearnerTrusted, "learner-trusted", "6.3", "what a node that comes back holds is taken for good as far as it goes, whatever its lineage says"},
	{LearnerUnpromised, "learner-unpromised", "6.2", "a learner follows before its promise is durable"},
	{LearnerAtOnce, "learner-at-once", "6.2", "a learner is appended before it has caught up"},
	{LearnerIsSource, "learner-is-source", "6.2", "what a learner has is a history to inherit, before it has caught up"},
	{OldPromise, "old-promise", "6.3", "a node that comes back follows an epoch under the promise that it left with"},
	{MoveWedgesFirst, "move-wedges-first", "6.2", "a member that is to be replaced leaves before the node that takes its place has caught up"},
	{PlacedEverywhere, "placed-everywhere", "10.1", "a shard grows onto a node that is in every other shard"},

	{RulingIgnoresPending, "ruling-ignores-pending", "10", "an operator's ruling leaves out a decision that is in the sequencer's history and not known to be persistent"},
	{RulingNotHeld, "ruling-not-held", "10", "a head that holds an operator's ruling goes on proposing by itself"},
	{RulingForgotten, "ruling-forgotten", "10", "an operator's ruling does not go along with the history that it is about"},

	{ReadWithoutFence, "read-without-fence", "7.1", "a read is served without a fence"},
	{ReadJoinsFence, "read-joins-fence", "7.2", "a read joins a fence that was asked before it arrived"},
	{UnsyncedVouches, "unsynced-vouches", "7.1", "an unsynced replica answers fences"},
	{RecoveredFences, "recovered-fences", "7.2", "what a head gets back after a restart is a fence for the reads that wait at it"},
	{AnyFenceAnswer, "any-fence-answer", "2.5", "a fence is confirmed by the answer to another"},
	{FenceHeadOnly, "fence-head-only", "7.1", "a fence asks only the head"},

	{DuplicateCheckAtHead, "duplicate-check-at-head", "8", "a duplicate of what is still in flight is not noticed"},
	{SessionsNotStored, "sessions-not-stored", "8", "sessions are missing from the stored contents"},
	{ExpiredSessionReopens, "expired-session-reopens", "8", "a request of an expired session opens it again"},
	{ResultsForgottenEarly, "results-forgotten-early", "8", "a result is dropped when the next write comes, not when the client has moved past it"},
	{PositionApart, "position-apart", "11.5", "the applied position is stored apart from its data"},

	{FailedSyncRetried, "failed-sync-retried", "2.2", "a sync that failed is tried again, and believed when it works then"},
	{SegmentNotSynced, "segment-not-synced", "2.2", "the end of a segment counts as durable when the next segment is"},
	{NamesNotSynced, "names-not-synced", "2.2", "the name of a new segment is not made durable"},
	{TornTailKept, "torn-tail-kept", "4.2", "what a crash left half written stays at the end of its segment"},
	{UnsyncedTailTrusted, "unsynced-tail-trusted", "2.4", "what a starting node reads counts as durable"},
	{TrimBeforeFlush, "trim-before-flush", "11.5", "the log is trimmed up to what is applied, flushed or not"},
	{RecallByPosition, "recall-by-position", "6.2", "what is read from a log for another is what stands there for a position first, void or not"},
	{TimeoutIsFailure, "timeout-is-failure", "8", "a client takes a write without an answer for one that did not happen"},
}

// Environment is the variable that names the mutant with which a process begins: any program or test of this build
// can be run with one.
const Environment = "RINGWARD_MUTANT"

var current = begin(os.Getenv(Environment))

func begin(name string) Mutant {
	if name == "" {
		return None
	}
	m, err := Named(name)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", Environment, err))
	}
	return m
}

// Set switches one mutant on, and all others off. Nothing may run meanwhile.
func Set(m Mutant) { current = m }

// On reports whether the build has the bug m now.
func On(m Mutant) bool { return m == current }

// Named finds a mutant by its name.
func Named(name string) (Mutant, error) {
	for _, d := range All {
		if d.Name == name {
			return d.Mutant, nil
		}
	}
	return None, fmt.Errorf("no mutant is called %q: want one of package mutant's table", name)
}
