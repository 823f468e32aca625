package processtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringward/ringward/bench/internal/cluster"
	"github.com/ringward/ringward/rpc/client"
)

// halves finds nodes of which each shard has a member, and not all of them.
func halves(t *testing.T, c *cluster.Cluster) (half []*cluster.Node) {
	t.Helper()
	shards := map[uint32][]int{} // places of the members
	for i, n := range c.Nodes() {
		s, err := n.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range s.GetReplicas() {
			id := r.GetConfiguration().GetShard()
			shards[id] = append(shards[id], i)
		}
	}
	for set := range 1 << len(c.Nodes()) {
		in := func(i int) bool { return set>>i&1 == 1 }
		out := func(i int) bool { return !in(i) }
		fits := true
		for _, members := range shards {
			fits = fits && slices.ContainsFunc(members, in) && slices.ContainsFunc(members, out)
		}
		if fits {
			for i, n := range c.Nodes() {
				if in(i) {
					half = append(half, n)
				}
			}
			return half
		}
	}
	t.Fatalf("no set of nodes takes a member from each shard, and not all: %v", shards)
	return nil
}

// TestRecover loses a member of every shard at once, for good: none can be repaired before an operator decides one.
func TestRecover(t *testing.T) {
	// A proxy takes the evidence away, so that they are noticed together.
	c := start(t, cluster.Options{Nodes: 4, Shards: 4, Replicas: 2, SuspectAfter: 2 * time.Second, Links: true, Settings: []string{"--regrow-after", "1s"}})
	lost := halves(t, c)
	var names []string
	for _, n := range lost {
		names = append(names, n.Name)
	}
	all := strings.Join(names, ",")
	cl, err := client.Open(t.Context(), c.Endpoints(), client.WithTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i := range 100 {
		if _, err := cl.Put(t.Context(), fmt.Sprint("key-", i), fmt.Append(nil, "value-", i)); err != nil {
			t.Fatal(err)
		}
	}
	// recovers runs the verb, again while a node that has just died counts as heard of lately.
	recovers := func(want string, fails bool, args ...string) {
		t.Helper()
		for began := time.Now(); ; {
			out, err := c.Verb(t.Context(), append([]string{"recover"}, args...)...)
			text := out + fmt.Sprint(err)
			if strings.Contains(text, want) && (err != nil) == fails {
				return
			}
			if !strings.Contains(text, "hears of it") || time.Since(began) > patience {
				t.Fatalf("recover %v: %v\n%s\nwant %q, and that it fails: %v", args, err, out, want, fails)
			}
		}
	}
	recovers("is named as lost, and answers", true, "--lost", all)
	for _, n := range lost {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	recovers("neither answers nor is named as lost", true, "--lost", names[0])
	recovers("Nothing was changed. With --yes-they-never-return", false, "--lost", all)
	recovers(`"stuck": true`, false, "--lost", all, "-o", "json")
	recovers("What is lost: nothing that was acknowledged", false, "--lost", all, "--yes-they-never-return")
	awaitActive(t, c)
	recovers("there is nothing to recover", true, "--lost", all, "--yes-they-never-return")
	for i := range 100 {
		key, want := fmt.Sprint("key-", i), fmt.Sprint("value-", i)
		if got, err := cl.Get(t.Context(), key); err != nil || string(got.Data) != want {
			t.Fatalf("%s is %q, %v; want %q", key, got.Data, err, want)
		}
		if _, err := cl.Put(t.Context(), key, nil); err != nil {
			t.Fatal(err)
		}
	}
	ruled := 0
	for id := range 4 {
		out, err := c.Verb(t.Context(), "history", fmt.Sprint(id+1))
		if err != nil {
			t.Fatal(err)
		}
		ruled += strings.Count(out, "operator: recover")
	}
	if ruled != 1 {
		t.Errorf("%d decisions are remembered as an operator's, want 1", ruled)
	}
	// Who comes back all the same is taken for one that was removed.
	for _, n := range lost {
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	(&growing{Cluster: c, t: t}).awaitStrength()
}

// TestRecoverWhatIsLeft loses two of three nodes: one shard is gone with them, and so is the register of another. The third one
// serves again, with all that was written to it.
func TestRecoverWhatIsLeft(t *testing.T) {
	c := start(t, cluster.Options{Nodes: 3, Shards: 3, Replicas: 2, SuspectAfter: 2 * time.Second, Links: true})
	open := func(timeout time.Duration) *client.Client {
		cl, err := client.Open(t.Context(), c.Endpoints(), client.WithTimeout(timeout))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cl.Close() })
		return cl
	}
	const keys = 12
	writer := open(patience)
	for i := range keys {
		if _, err := writer.Put(t.Context(), fmt.Sprint("key-", i), fmt.Append(nil, "value-", i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.Nodes()[1:] {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	for began := time.Now(); ; {
		out, err := c.Verb(t.Context(), "recover", "--lost", "node-2,node-3", "--yes-they-never-return")
		if err == nil {
			t.Logf("it says:\n%s", out)
			if !strings.Contains(out, "refuses service for ever") || !strings.Contains(out, "What is lost: what shards ") {
				t.Errorf("it does not say what is lost:\n%s", out)
			}
			break
		}
		if !strings.Contains(err.Error(), "hears of it") || time.Since(began) > patience {
			t.Fatal(err)
		}
	}
	served, reader := 0, open(time.Second)
	for i := range keys {
		key, want := fmt.Sprint("key-", i), fmt.Sprint("value-", i)
		got, err := reader.Get(t.Context(), key)
		switch {
		case err != nil:
			continue
		case string(got.Data) != want:
			t.Errorf("%s is %q, want %q", key, got.Data, want)
		}
		if _, err := reader.Put(t.Context(), key, nil); err != nil {
			t.Errorf("%s can be read, and not be written: %v", key, err)
		}
		served++
	}
	if served == 0 || served == keys {
		t.Errorf("%d of %d keys are served, want those of one shard of three", served, keys)
	}
}
