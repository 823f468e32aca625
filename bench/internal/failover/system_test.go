package failover

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench"
)

// opened is a client that notes that it was closed.
type opened struct {
	bench.Parted
	closed *int
}

func (o opened) Close() error { *o.closed++; return nil }

// TestOpenAll: each client begins with another endpoint, and where one cannot be opened none is left open.
func TestOpenAll(t *testing.T) {
	var asked [][]string
	closed := 0
	open := func(endpoints []string) (bench.Parted, error) {
		asked = append(asked, endpoints)
		return opened{closed: &closed}, nil
	}
	all, err := OpenAll([]string{"a", "b"}, open)
	if err != nil || len(all) != instances || closed != 0 {
		t.Errorf("%d clients, %d closed, error %v", len(all), closed, err)
	}
	for i, want := range [][]string{{"a", "b"}, {"b", "a"}, {"a", "b"}} {
		if !slices.Equal(asked[i], want) {
			t.Errorf("client %d knows %v, want %v", i, asked[i], want)
		}
	}
	all, err = OpenAll([]string{"a"}, func(endpoints []string) (bench.Parted, error) {
		if len(asked) == 5 {
			return nil, errors.New("no room")
		}
		return open(endpoints)
	})
	if err == nil || !strings.Contains(err.Error(), "no room") || all != nil || closed != 2 {
		t.Errorf("%v, %d closed, error %v; want 2 closed", all, closed, err)
	}
}
