package scripts

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// rules are all rules of the tree; each has its bad example in testdata.
var rules = []rule{
	{"layers", layers},
	{"pure", pure},
	{"package-doc", packageDoc},
	{"package-names", packageNames},
	{"top-level", topLevel},
	{"file-size", fileSize},
	{"gofmt", gofmt},
	{"no-sleep", noSleep},
	{"no-skip", noSkip},
	{"no-leftovers", noLeftovers},
	{"no-global-random", noGlobalRandom},
}

// layer says what of this module a package, and all below it, may import beside
// itself. The first layer that fits a package counts.
type layer struct {
	pkg  string
	only []string
	why  string
}

// house is the one-way street: shard <- wedge <- sequencer <- engine <- node -> rpc.
var house = []layer{
	{"shard", nil,
		"shard is the bottom: it gets what it needs as values or through an interface of its own"},
	{"wedge", []string{"shard"},
		"move what both need down into shard, or let the engine join the two"},
	{"sequencer", []string{"shard", "wedge"},
		"let the engine join what sequencer decides with the rest"},
	{"node/internal/engine", []string{"shard", "wedge", "sequencer"},
		"the engine states what it wants in a Ready; package node does it"},
	{"node/internal/gossip", []string{"shard"},
		"gossip knows addresses and hints only; package node tells it the rest"},
	{"rpc/kvpb", nil, "protocol buffers map to core types in rpc/internal/wire"},
	{"rpc/adminpb", []string{"rpc/kvpb"}, "protocol buffers map to core types in rpc/internal/wire"},
	{"rpc/internal/peerpb", nil, "protocol buffers map to core types in rpc/internal/wire"},
	{"rpc/internal/wire", []string{"shard", "rpc/kvpb", "rpc/adminpb", "rpc/internal/peerpb"},
		"wire maps shard's types and nothing above them; what the node alone needs belongs to package rpc"},
	{"rpc/internal/stream", []string{"shard", "rpc/kvpb", "rpc/internal/peerpb", "rpc/internal/wire"},
		"a stream carries messages for both ends: what one end does with them belongs to that end"},
	{"rpc/client", []string{"shard", "rpc/kvpb", "rpc/adminpb", "rpc/internal/wire", "rpc/internal/stream"},
		"the client holds no server code: learn it from an answer on the wire"},
	{"rpc", []string{"shard", "wedge", "sequencer", "rpc"},
		"package node calls rpc, never the other way round: take a function or a small interface"},
}

// layers keeps imports within the module to one direction. Tests may import what they like.
func layers(t *tree) (faults []string) {
	for f := range t.goFiles {
		i := slices.IndexFunc(house, func(l layer) bool { return within(f.dir(), l.pkg) })
		if f.isTest() || i < 0 {
			continue
		}
		l := house[i]
		for spec, p := range f.imports {
			ours, found := strings.CutPrefix(p, module+"/")
			if !found || within(ours, l.pkg) || slices.ContainsFunc(l.only, func(pkg string) bool { return within(ours, pkg) }) {
				continue
			}
			allowed := "nothing of this module"
			if len(l.only) > 0 {
				allowed = strings.Join(l.only, ", ")
			}
			faults = append(faults, fmt.Sprintf("%s: %s imports %s; it may import %s: %s", f.at(spec), l.pkg, ours, allowed, l.why))
		}
	}
	return faults
}

// within reports whether pkg is dir or lies below it.
func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

// purePackages run the same in the simulator as in a node: everything that
// happens to them is an argument.
var purePackages = []string{"shard", "wedge", "sequencer", "node/internal/engine", "rpc/client/session"}

// impure names what a PURE package must not import, and what it uses instead.
var impure = map[string]string{
	"time":         "count ticks, which are an input",
	"sync":         "one caller steps a replica, so there is nothing to lock",
	"context":      "waiting is package node's; return what to wait for in a Ready",
	"net":          "return messages in a Ready",
	"os":           "return records to write in a Ready",
	"syscall":      "package node alone talks to the machine",
	"math/rand":    "take a seed or the random number as an argument",
	"crypto/rand":  "take a seed or the random number as an argument",
	"hash/maphash": "its seed differs in every process; use xxhash",
	"log":          "put out an event",
}

// pure keeps clocks, threads, disk, network and chance out of PURE packages.
func pure(t *tree) (faults []string) {
	for f := range t.goFiles {
		if f.isTest() || !slices.Contains(purePackages, f.dir()) {
			continue
		}
		fault := func(n ast.Node, what, instead string) {
			faults = append(faults, fmt.Sprintf("%s: PURE package %s uses %s: %s", f.at(n), f.dir(), what, instead))
		}
		for spec, p := range f.imports {
			for forbidden, instead := range impure {
				if within(p, forbidden) {
					fault(spec, p, instead)
				}
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				fault(n, "go", "goroutines are package node's; return the work in a Ready")
			case *ast.ChanType:
				fault(n, "chan", "pass values to Step, and return them in a Ready")
			case *ast.SelectStmt:
				fault(n, "select", "what happens next is the caller's choice: it is an input")
			case *ast.SendStmt:
				fault(n, "a channel send", "return values in a Ready")
			case *ast.UnaryExpr:
				if n.Op == token.ARROW {
					fault(n, "a channel receive", "pass values to Step")
				}
			}
			return true
		})
	}
	return faults
}
