package client

import (
	"context"
	"fmt"
	"testing"

	"github.com/ringward/ringward/rpc/kvpb"
)

// StartForExample runs a cluster of two nodes for an example, which has no test to hang on.
func StartForExample() (endpoints []string, stop func()) {
	t := &exampleTB{}
	return t.start(nil)
}

// StartLosingAnAnswer is StartForExample with a cluster that applies the first conditional write and
// never answers it.
func StartLosingAnAnswer() (endpoints []string, stop func()) {
	lost := uint64(0)
	t := &exampleTB{}
	return t.start(func(_ *fakeNode, op *kvpb.Operation) fate {
		if op.IfVersion != nil && lost == 0 {
			lost = op.Op
		}
		return fate{silent: op.Kind == kvpb.Operation_KIND_PUT && op.Op == lost}
	})
}

type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (t *exampleTB) Cleanup(f func())         { t.cleanups = append(t.cleanups, f) }
func (t *exampleTB) Context() context.Context { return context.Background() }
func (t *exampleTB) Fatal(args ...any)        { panic(fmt.Sprint(args...)) }

func (t *exampleTB) start(script func(*fakeNode, *kvpb.Operation) fate) (endpoints []string, stop func()) {
	c := newCluster(t, 2, []int{0, 1})
	c.play(script)
	return []string{c.nodes[0].address, c.nodes[1].address}, func() {
		for _, f := range t.cleanups {
			f()
		}
	}
}
