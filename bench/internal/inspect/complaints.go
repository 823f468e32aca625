package inspect

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ringward/ringward/bench/internal/cluster"
)

// shownComplaints bounds how much of a log an error shows.
const shownComplaints = 5

// grave is in the lines of a log that tell of a bug; the last is the race detector's.
var grave = []string{"level=ERROR", "panic:", "fatal error:", "WARNING: DATA RACE"}

// Complaints are the errors that a node has logged, other than those that excused pardons; nil pardons none.
func Complaints(n *cluster.Node, excused func(line string) bool) error {
	log, err := os.ReadFile(n.Log)
	if err != nil {
		return err
	}
	var lines []string
	for line := range strings.Lines(string(log)) {
		bad := slices.ContainsFunc(grave, func(g string) bool { return strings.Contains(line, g) })
		if bad && (excused == nil || !excused(line)) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("%s logs %d errors: %s", n.Name, len(lines), strings.Join(lines[:min(len(lines), shownComplaints)], "\n  "))
}
