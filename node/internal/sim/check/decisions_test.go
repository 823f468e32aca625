package check

import (
	"errors"
	"testing"

	"github.com/ringward/ringward/sequencer"
	"github.com/ringward/ringward/shard"
)

// TestDecisions: the checker remembers the same of decisions as the product, past the bound of both; and sees where a single
// number of what is stored is another one.
func TestDecisions(t *testing.T) {
	c := contentsOf{}
	m, own := machine(t, c), newModel(foreign(first))
	var hash uint64
	var last outcome
	seqno := shard.Seqno(0)
	do := func(cmd shard.Command) {
		seqno++
		e := shard.NewEntry(1, seqno, hash, shard.AppendCommand(nil, cmd))
		hash = e.Hash()
		apply(t, m, e)
		var err error
		if last, _, err = own.apply(uint64(seqno), shard.AppendCommand(nil, cmd)); err != nil {
			t.Fatal(err)
		}
	}
	digest := func(register []byte) uint64 {
		var found contents
		if err := found.read([]byte("r"), register); err != nil {
			t.Fatal(err)
		}
		return found.register
	}
	for epoch := shard.Epoch(2); epoch < 90; epoch++ {
		conf := shard.Configuration{Shard: 1, Epoch: epoch, Members: []shard.NodeID{1, 2}}
		why := sequencer.Reason{At: uint64(epoch) << 30, By: 7, Stood: 3}
		for n := range epoch % 4 {
			why.Suspicions = append(why.Suspicions, sequencer.Suspicion{By: 1, Of: 2, Silent: uint64(n)})
		}
		do(sequencer.Reconfigure(conf, why))
		if epoch%3 > 0 {
			do(sequencer.Activated(conf, sequencer.Outcome{HasBase: epoch%2 == 0, Base: 500 * shard.Seqno(epoch%2^1), Persisted: 1, Wedge: 2, Inherit: 3, AllActive: 4}))
		}
		if got := digest(c["r"]); got != last.register {
			t.Fatalf("after epoch %d the contents hold %x, want %x", epoch, got, last.register)
		}
	}
	if len(own.decisions) != mostDecisions || own.decisions[0].epoch != 90-mostDecisions {
		t.Errorf("remembers %d decisions from %d", len(own.decisions), own.decisions[0].epoch)
	}
	// The last byte is a duration of the last decision.
	wrong := append([]byte(nil), c["r"]...)
	wrong[len(wrong)-1]++
	if got := digest(wrong); got == last.register {
		t.Error("another duration is not seen")
	}
	if err := new(contents).read([]byte("r"), c["r"][:len(c["r"])-1]); !errors.Is(err, errMalformed) {
		t.Errorf("a register that ends in the middle: %v", err)
	}
}
