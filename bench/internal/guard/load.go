package guard

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ringward/ringward/bench"
)

// Load is what clients do while it is measured.
type Load struct {
	Workload string `json:"workload"` // by its name in package bench
	Clients  int    `json:"clients"`
}

func (l Load) String() string { return fmt.Sprintf("%s:%d", l.Workload, l.Clients) }

// ParseLoads reads loads, each a workload, or WORKLOAD:CLIENTS; clients is how many there are where it does not say.
func ParseLoads(texts []string, clients int) (all []Load, err error) {
	for _, text := range texts {
		name, number, named := strings.Cut(text, ":")
		w, err := bench.ParseWorkload(name)
		if err != nil {
			return nil, fmt.Errorf("load %q: %w", text, err)
		}
		l := Load{Workload: w.Name, Clients: clients}
		if named {
			if l.Clients, err = strconv.Atoi(number); err != nil {
				return nil, fmt.Errorf("load %q: want WORKLOAD:CLIENTS, such as puts:64", text)
			}
		}
		if l.Clients < 1 || l.Clients > bench.MaxClients {
			return nil, fmt.Errorf("load %q: clients %d: want 1 to %d", text, l.Clients, bench.MaxClients)
		}
		all = append(all, l)
	}
	return all, nil
}
