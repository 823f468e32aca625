package wedge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ringward/ringward/shard"
)

// stage is what the commands of one transcript act on.
type stage struct {
	asking   *Asking
	round    *Round
	detector *Detector
	ticks    int
}

// TestTranscripts runs the files of testdata/transcripts; -rewrite writes them anew, and the diff is the review.
//
//	choose chain=(abc,bc) [first=1] prefer=b       the input names who answered: `b active=1 last=5`
//	asking chain=(abc,bc), answered a, reopen a
//	round self=b chain=(abc,bc)
//	answer b active=1 last=3 lineage=(1@0) [number=N] [epoch=E] [unknown]
//	fetched a number=N from=3 count=2
//	detector patience=4 grace=8, watch ab, heard a [stalled=N], spoke a, lost a
//	hears [after=N]                                lately, and after tick N of the detector, which is the transcript's and one
//	tick [n], late [n]
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		s := &stage{}
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			out := s.command(arguments{t, td})
			if out == "" {
				return "ok"
			}
			return out
		})
	})
}

func (s *stage) command(a arguments) string {
	switch a.td.Cmd {
	case "choose":
		return choose(a)
	case "asking":
		*s = stage{asking: NewAsking(a.chain(), 7)}
	case "answered":
		s.asking.Answered(id(a.first(0)))
	case "reopen":
		s.asking.Reopen(id(a.first(0)))
	case "round":
		*s = stage{round: NewRound(id(a.word("self", "a")), a.chain(), &shard.Numbers{})}
	case "answer":
		m := shard.Message{
			Kind: shard.MsgWedged, Shard: 1, From: id(a.first(0)), To: s.round.self,
			Number: shard.Number(a.number("number", int(s.round.Number))), Epoch: shard.Epoch(a.number("epoch", int(s.round.Epoch()))),
			Active: shard.Epoch(a.number("active", 0)), Last: shard.Seqno(a.number("last", 0)),
			Lineage: lineageOf(a.t, a.words("lineage")), Unknown: a.td.HasArg("unknown"),
		}
		if err := m.Valid(); err != nil {
			a.t.Fatal(err)
		}
		s.round.Answer(m)
		return s.news()
	case "fetched":
		s.round.Fetched(shard.Message{
			Kind: shard.MsgFetched, Shard: 1, From: id(a.first(0)), To: s.round.self, Epoch: s.round.Epoch(),
			Number: shard.Number(a.number("number", 0)), Entries: history(shard.Seqno(a.number("from", 1)-1), a.number("count", 1)),
		})
		return s.news()
	case "detector":
		*s = stage{detector: NewDetector(a.number("patience", 1), a.number("grace", 1))}
	case "watch":
		var nodes []shard.NodeID
		for _, n := range strings.Split(a.first(0), "") {
			nodes = append(nodes, id(n))
		}
		s.detector.Watch(nodes)
	case "heard":
		s.detector.Heard(id(a.first(0)), a.number("stalled", 0))
	case "spoke":
		s.detector.Spoke(id(a.first(0)))
	case "lost":
		if s.detector.Lost(id(a.first(0))) {
			return "suspected: " + a.first(0)
		}
	case "hears":
		var b strings.Builder
		for n := id("a"); n <= id("d"); n++ {
			fmt.Fprintf(&b, "%s heard=%v suspected=%v\n", name(n), s.detector.Hears(n, a.number("after", 0)), s.detector.Suspects(n))
		}
		return b.String()
	case "tick", "late":
		return s.tick(a.count(0), a.td.Cmd == "late")
	default:
		a.t.Fatalf("unknown command %s", a.td.Cmd)
	}
	return ""
}

// tick passes n ticks and shows those at which something happened.
func (s *stage) tick(n int, late bool) string {
	var b strings.Builder
	for range n {
		s.ticks++
		var out string
		switch {
		case s.asking != nil:
			out = describeMessages(s.asking.Tick())
		case s.round != nil:
			s.round.Tick()
			out = s.news()
		default:
			suspected, trusted := s.detector.Tick(late)
			if len(suspected)+len(trusted) > 0 {
				out = fmt.Sprintf("suspected: %s, trusted: %s, all suspected: %s\n", names(suspected), names(trusted), names(s.detector.Suspected()))
			}
		}
		if out != "" {
			fmt.Fprintf(&b, "tick %d\n%s", s.ticks, out)
		}
	}
	return b.String()
}

// news is what the round wants now.
func (s *stage) news() string {
	out := describeMessages(s.round.Send())
	if in, ok := s.round.Result(); ok {
		out += fmt.Sprintf("inherits %v cut=%d entries=%d\n", in.Lineage, in.Cut, len(in.Entries))
		for i, e := range in.Entries {
			if e.Seqno() != in.Cut+shard.Seqno(i)+1 {
				out += fmt.Sprintf("but entry %d stands at %d\n", e.Seqno(), in.Cut+shard.Seqno(i)+1)
			}
		}
	}
	return out
}

func choose(a arguments) string {
	answers := map[shard.NodeID]Answer{}
	for line := range strings.Lines(a.td.Input) {
		var from string
		var answer Answer
		if _, err := fmt.Sscanf(line, "%s active=%d last=%d", &from, &answer.Active, &answer.Last); err != nil {
			a.t.Fatalf("%q: %v", line, err)
		}
		answers[id(from)] = answer
	}
	owner, ok := Choose(a.chain(), answers, id(a.word("prefer", "a")))
	if !ok {
		return "more answers are needed"
	}
	return "inherit from " + name(owner)
}

// TestNewMemberIsWatched: one that is watched from some later time on has no grace. Evidence counts, and so does silence,
// once it could know that it is to speak.
func TestNewMemberIsWatched(t *testing.T) {
	for name, evidence := range map[string]bool{"evidence": true, "silence": false} {
		t.Run(name, func(t *testing.T) {
			d := NewDetector(5, 500)
			d.Watch([]shard.NodeID{1})
			for range 1000 {
				d.Heard(1, 0)
				d.Tick(false)
			}
			d.Watch([]shard.NodeID{1, 2})
			if evidence && !d.Lost(2) {
				t.Error("evidence is none")
			}
			ticks := 0
			for ; !d.Suspects(2); ticks++ {
				d.Heard(1, 0)
				d.Tick(false)
			}
			if evidence && ticks > 0 || ticks > 20 {
				t.Errorf("suspected after %d ticks", ticks)
			}
		})
	}
}
