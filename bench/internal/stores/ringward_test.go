package stores

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ringward/ringward/bench"
	"github.com/ringward/ringward/rpc/client"
)

func TestFailed(t *testing.T) {
	both := func(errs ...error) error { return fmt.Errorf("put %q: %w", "k", errors.Join(errs...)) }
	tests := []struct {
		err  error
		want bench.Failure
	}{
		{both(client.ErrOutcomeUnknown, context.DeadlineExceeded), bench.OutcomeUnknown},
		{both(client.ErrOutcomeUnknown, client.ErrSessionExpired), bench.SessionExpired},
		{both(client.ErrOutcomeUnknown, client.ErrTooLarge), bench.OutcomeUnknown},
		{both(client.ErrOutcomeUnknown, client.ErrClosed), bench.OutcomeUnknown},
		{both(client.ErrUnavailable, client.ErrClosed), bench.Closed},
		{both(client.ErrUnavailable, context.Canceled), bench.Unavailable},
		{both(&client.VersionMismatchError{Current: 4}), bench.Mismatch},
		{both(client.ErrNotFound), bench.NotFound},
		{both(client.ErrTooLarge), bench.TooLarge},
		{both(client.ErrInvalid), bench.Invalid},
		{errors.New("a surprise"), bench.Other},
	}
	for _, test := range tests {
		err := failed(test.err)
		e, ok := errors.AsType[*bench.Error](err)
		if !ok || e.Failure != test.want || !errors.Is(err, test.err) {
			t.Errorf("%v became %v, want %v", test.err, err, test.want)
		}
	}
	if failed(nil) != nil {
		t.Error("success became an error")
	}
}
