package soak

import (
	"errors"
	"fmt"

	"github.com/ringward/ringward/bench/history"
)

// found is what a key held at the end.
type found struct {
	value   []byte
	version uint64 // 0: it did not exist
}

// missing says which acknowledged writes neither are in what was found at the end nor were followed by others. It
// looks at the calls for itself, beside the check of the whole history.
func missing(h *history.History, at map[string]found) error {
	newest := map[string]history.Op{}
	for _, o := range h.Ops {
		if o.Kind == history.Put && o.Outcome == history.OK && o.Version > newest[o.Key].Version {
			newest[o.Key] = o
		}
	}
	var errs []error
	for key, o := range newest {
		switch f := at[key]; {
		case f.version < o.Version:
			errs = append(errs, fmt.Errorf("%s: version %d was acknowledged, version %d was found at the end", key, o.Version, f.version))
		case f.version == o.Version && history.Of(f.value) != o.Value:
			errs = append(errs, fmt.Errorf("%s: version %d was acknowledged with value %v, and found with %v at the end", key, o.Version, o.Value, history.Of(f.value)))
		}
	}
	return errors.Join(errs...)
}

// miscounted says which counters stand where no number of raises that took effect once explains.
func (l *load) miscounted(at map[string]found) error {
	var errs []error
	for c := range counters {
		var raised, perhaps uint64
		for _, w := range l.workers {
			raised += w.raised[c]
			perhaps += w.perhaps[c]
		}
		if n := counted(at[counterKey(c)].value); n < raised || n > raised+perhaps {
			errs = append(errs, fmt.Errorf("%s stands at %d: want %d, the raises acknowledged, up to %d, those of unknown outcome included",
				counterKey(c), n, raised, raised+perhaps))
		}
	}
	return errors.Join(errs...)
}
