package wedge

import (
	"github.com/ringward/ringward/shard"
	"github.com/ringward/ringward/shard/mutant"
)

// Asking is a wedge on its way: one number, sent to all members of all configurations of a chain
// and repeated, ever more slowly, to those that have not answered.
type Asking struct {
	Number shard.Number
	Chain  shard.Chain
	done   map[shard.NodeID]bool
	now    int
	next   int // the tick of the next repetition
	wait   int
}

// maxWait bounds the ticks between two repetitions.
const maxWait = 16

// NewAsking asks for the promise of the newest configuration of chain.
func NewAsking(chain shard.Chain, number shard.Number) *Asking {
	return &Asking{Number: number, Chain: chain, done: map[shard.NodeID]bool{}, wait: 1}
}

// Answered takes n off the list of those to ask again.
func (a *Asking) Answered(n shard.NodeID) { a.done[n] = true }

// Reopen asks n again, at the next tick.
func (a *Asking) Reopen(n shard.NodeID) {
	delete(a.done, n)
	a.wait, a.next = 1, a.now
}

// Tick passes one unit of time and returns the wedges to send now.
func (a *Asking) Tick() []shard.Message {
	if a.now++; a.now < a.next {
		return nil
	}
	a.next = a.now + a.wait
	a.wait = min(2*a.wait, maxWait)
	return a.Messages()
}

// Messages are the wedges to those who have not answered.
func (a *Asking) Messages() []shard.Message {
	newest := a.Chain.Newest()
	var out []shard.Message
	asked := a.Chain
	if mutant.On(mutant.WedgeTwoConfigurations) {
		asked = asked[max(0, len(asked)-2):]
	}
	for _, n := range asked.Members() {
		if !a.done[n] {
			out = append(out, shard.Message{
				Kind: shard.MsgWedge, Shard: newest.Shard, Epoch: newest.Epoch, To: n, Number: a.Number, Chain: a.Chain,
			})
		}
	}
	return out
}
