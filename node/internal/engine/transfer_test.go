package engine

import "github.com/ringward/ringward/shard"

// recall reads an entry from the log.
func (w *world) recall(n *node, x shard.Recall) []shard.Entry {
	var stored shard.Stored
	for _, rec := range n.log[x.Shard] {
		if err := stored.Replay(rec); err != nil {
			w.t.Fatal(err)
		}
	}
	if x.After < stored.Start {
		return nil
	}
	return stored.Entries[x.After-stored.Start:][:1]
}

// export reads a part of a snapshot, of a few keys.
func (w *world) export(n *node, x shard.Export) *shard.Part {
	if len(x.After) == 0 {
		n.exports[x.Number] = n.contents[x.Shard].clone()
	}
	s := n.exports[x.Number]
	if s == nil {
		return nil
	}
	p, err := shard.ReadPart(s, x, 40)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}
