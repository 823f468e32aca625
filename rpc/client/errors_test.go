package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorsSayWhatHappened(t *testing.T) {
	cause := fmt.Errorf("%w; last: 127.0.0.1:7001: refused: held", context.DeadlineExceeded)
	tests := []struct {
		err  error
		want string
	}{
		{
			&opError{verb: "put", key: "k", shard: 3, kinds: []error{ErrUnavailable}, cause: cause, attempts: 4},
			`put "k" on shard 3: unavailable after 4 attempts: context deadline exceeded; last: 127.0.0.1:7001: refused: held`,
		},
		{
			&opError{verb: "put", key: "k", shard: 1, kinds: []error{ErrOutcomeUnknown, ErrSessionExpired}, attempts: 1},
			`put "k" on shard 1: outcome unknown, session expired after 1 attempt`,
		},
		{
			&opError{verb: "open session", shard: 2, kinds: []error{ErrUnavailable}},
			`open session on shard 2: unavailable`,
		},
		{
			&opError{verb: "get", key: strings.Repeat("k", 100) + "\n", shard: 1, kinds: []error{ErrNotFound}, attempts: 1},
			`get "` + strings.Repeat("k", 64) + `"… (101 bytes) on shard 1: not found after 1 attempt`,
		},
		{&VersionMismatchError{Key: "k", Expected: 3, Current: 5}, "version mismatch: expected version 3, found version 5"},
		{&VersionMismatchError{Key: "k", Current: 5}, "version mismatch: expected no value, found version 5"},
		{&VersionMismatchError{Key: "k", Expected: 3}, "version mismatch: expected version 3, found no value"},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("error %q\nwant  %q", got, test.want)
		}
	}
	if err := tests[0].err; !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("errors.Is does not find the kind and the cause of %v", err)
	}
}
