package sim

import (
	"errors"
	"strings"
	"testing"

	"github.com/ringward/ringward/shard"
)

// TestSabotageIsSeen breaks what the core relies on, in ways that no code can survive. A simulator that
// does not notice would notice nothing.
func TestSabotageIsSeen(t *testing.T) {
	for name, sabotage := range map[string]func(w *world){
		"a disk that forgets what it synced": func(w *world) {
			for _, n := range w.nodes {
				// The last frames are gone at the next start, as if they had never been synced.
				if m, ok := n.disk.storage.(*model); ok && n.up && len(m.ends) == 0 && len(m.log) > 400 {
					n.crash()
					m.log = m.log[:len(m.log)-200]
					n.boot()
					return
				}
			}
		},
		"contents that rot": func(w *world) {
			for _, n := range w.nodes {
				for _, c := range n.contents {
					c, ok := c.(*modelContents)
					if !ok {
						continue
					}
					for k, v := range c.visible {
						if k[0] == 'k' {
							c.visible[k] = v + "!"
						}
					}
				}
			}
		},
		"an applier that works twice": func(w *world) {
			for _, n := range w.nodes {
				if len(n.work) > 0 && len(n.work) < 10 {
					n.work = append(n.work, n.work[len(n.work)-1])
				}
			}
		},
		"acknowledgements made up on the way": func(w *world) {
			for _, l := range w.network.sorted() {
				for _, p := range l.underway {
					if p.message != nil && p.sent.Kind == shard.MsgAck {
						p.sent.Last++
						m := p.sent
						p.message = &m
					}
				}
			}
		},
		"fences confirmed by nobody": func(w *world) {
			for _, l := range w.network.sorted() {
				for _, p := range l.underway {
					if p.message != nil && p.sent.Kind == shard.MsgFence {
						m := shard.Message{Kind: shard.MsgFenced, Shard: p.sent.Shard, From: l.to, To: l.from, Epoch: p.sent.Epoch, Number: p.sent.Number}
						w.node(l.from).take(func() { w.node(l.from).host.Step(m) })
					}
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			const within = 30
			for seed := uint64(1); seed <= within; seed++ {
				_, err := sabotaged(Options{Seed: seed}, sabotage)
				if f := new(Failure); errors.As(err, &f) {
					t.Logf("seen with seed %d: invariant %d, %s", seed, f.Invariant, f.Reason)
					return
				} else if err != nil {
					t.Fatal(err)
				}
			}
			t.Errorf("not seen within %d seeds", within)
		})
	}
}

// sabotaged is Run with something broken again and again.
func sabotaged(o Options, sabotage func(w *world)) (*Report, error) {
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	w.plan.deletes = 0 // violations of histories without them are found faster
	var again func()
	again = func() {
		if !w.calm {
			sabotage(w)
			w.after(tick/5, again)
		}
	}
	w.after(20*tick, again)
	return w.report(o)
}

// TestFailureSaysHowToSeeIt looks at what a failed run tells.
func TestFailureSaysHowToSeeIt(t *testing.T) {
	w, err := newWorld(Options{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	w.after(30*tick, func() { w.fail(3, 1, "made up") })
	_, err = w.report(Options{Seed: 7, Skip: Occurrences{{2, 4}}})
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure", err)
	}
	if f.Invariant != 3 || f.Step == 0 || len(f.Recent) == 0 || len(f.Recent) > recentLines {
		t.Errorf("got invariant %d, step %d, %d lines, want 3, the step, 1 to %d", f.Invariant, f.Step, len(f.Recent), recentLines)
	}
	for _, want := range []string{"seed 7", "invariant 3: what was persistent", "made up", "ringward sim --seed 7 --skip 2-4", "go run ./node/cmd/ringward sim --seed 7 --skip 2-4"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the failure does not say %q:\n%v", want, err)
		}
	}
}

// TestPanicFailsItsSeed has the core panic in the midst of a run.
func TestPanicFailsItsSeed(t *testing.T) {
	_, err := sabotaged(Options{Seed: 1}, func(w *world) { w.nodes[0].host = nil })
	var f *Failure
	if !errors.As(err, &f) || f.Invariant != 0 || !strings.Contains(f.Reason, "panic") || !strings.Contains(f.Stack, "engine.(*Host)") || len(f.Recent) == 0 {
		t.Fatalf("got %v, want a failure with the panic and its stack", err)
	}
}
