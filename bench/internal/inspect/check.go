package inspect

import (
	"errors"
	"fmt"

	"github.com/ringward/ringward/bench/history"
)

// Found is what a key held at the end.
type Found struct {
	Value   []byte
	Version uint64 // 0: it did not exist
}

// Missing says which acknowledged writes neither are in what was found at the end nor were followed by others. It
// looks at the calls for itself, beside the check of the whole history.
func Missing(h *history.History, at map[string]Found) error {
	newest := map[string]history.Op{}
	for _, o := range h.Ops {
		if o.Kind == history.Put && o.Outcome == history.OK && o.Version > newest[o.Key].Version {
			newest[o.Key] = o
		}
	}
	var errs []error
	for key, o := range newest {
		switch f := at[key]; {
		case f.Version < o.Version:
			errs = append(errs, fmt.Errorf("%s: version %d was acknowledged, version %d was found at the end", key, o.Version, f.Version))
		case f.Version == o.Version && history.Of(f.Value) != o.Value:
			errs = append(errs, fmt.Errorf("%s: version %d was acknowledged with value %v, and found with %v at the end", key, o.Version, o.Value, history.Of(f.Value)))
		}
	}
	return errors.Join(errs...)
}
