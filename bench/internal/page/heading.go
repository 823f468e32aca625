package page

import (
	"time"

	"github.com/ringward/ringward/bench"
)

// Heading is what each report begins with. Reports embed it, so that in JSON its fields are theirs.
type Heading struct {
	// Schema is the number of the JSON form of a kind of report. It changes when a field changes its meaning or goes; new fields do not change it.
	Schema      int           `json:"schema"`
	Kind        string        `json:"kind"` // by the verb that measured
	Command     []string      `json:"command"`
	Started     time.Time     `json:"started"`
	Seconds     float64       `json:"seconds"`
	Interrupted bool          `json:"interrupted"`
	Build       bench.Build   `json:"build"`
	Machine     bench.Machine `json:"machine"`
	Setting     bench.Setting `json:"setting"`
	OK          bool          `json:"ok"` // nothing that was promised was broken
}

// Begin is the heading of what is measured from now on.
func Begin(kind string, schema int) Heading {
	return Heading{Schema: schema, Kind: kind, Started: time.Now()}
}

// End notes how long it took.
func (h *Heading) End() { h.Seconds = time.Since(h.Started).Seconds() }

// Head is the heading itself.
func (h *Heading) Head() *Heading { return h }
