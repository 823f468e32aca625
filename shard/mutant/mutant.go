// Package mutant names deliberate bugs, each a plausible misreading of one rule of the protocol, so that the
// tests can show that they notice it.
//
// Where a rule stands in the code, its misreading stands beside it as mutant.On(...). In the normal build On is the
// constant false and the compiler leaves nothing of it. With the build tag mutants one of them can be
// switched on; the simulator runs them all:
//
//	go test -tags mutants ./node/internal/sim -run TestMutants -v -timeout 2h
package mutant

// Mutant is one deliberate bug.
type Mutant uint8

// What each one does, and the rule it breaks, is in the table of the build with mutants.
const (
	None Mutant = iota

	AckBeforeFsync
	AckBeforeSuccessor
	ApplyBeforeCommit
	OldConnectionCounts
	HandshakesByArrival
	NumbersRestart
	NumberBeforeSynced
	UnsyncedWelcomes
	CommitBelowRecovered

	EpochReused
	TwoSuccessors
	ProposerActsEarly
	WedgeWithoutDecision
	WedgeAnsweredEarly
	PromiseForgotten
	PendingAnswersActive
	WedgedDrains
	WedgedAgain
	WedgeTwoConfigurations
	ForgottenWhenHeadActive

	LongestHistory
	WalkBackStopsAtPending
	NoWalkBack
	CutAtLength
	ActivationBeforeData
	ActiveBeforeDurable
	ActivatedAgain
	FenceBeforeBase

	LearnerCommits
	LearnerCutAtCommit
	LearnerTrusted
	LearnerUnpromised
	LearnerAtOnce
	LearnerIsSource
	OldPromise
	MoveWedgesFirst
	PlacedEverywhere

	RulingIgnoresPending
	RulingNotHeld
	RulingForgotten

	ReadWithoutFence
	ReadJoinsFence
	UnsyncedVouches
	RecoveredFences
	AnyFenceAnswer
	FenceHeadOnly

	DuplicateCheckAtHead
	SessionsNotStored
	ExpiredSessionReopens
	ResultsForgottenEarly
	PositionApart

	FailedSyncRetried
	SegmentNotSynced
	NamesNotSynced
	TornTailKept
	UnsyncedTailTrusted
	TrimBeforeFlush
	RecallByPosition
	TimeoutIsFailure
)
