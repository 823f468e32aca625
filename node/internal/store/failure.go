package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// failure is the first error that ended the use of the disk. Once it is set, it stays.
type failure struct {
	once sync.Once
	err  error
	done chan struct{} // closed when err is set
}

// errClosed ends the use of a disk that has not failed.
var errClosed = errors.New("the store is closed")

func newFailure() *failure { return &failure{done: make(chan struct{})} }

// set makes err the failure, unless there is one, and returns err.
func (f *failure) set(err error) error {
	if err != nil {
		f.once.Do(func() {
			f.err = err
			close(f.done)
		})
	}
	return err
}

// get returns the failure, nil as long as there is none.
func (f *failure) get() error {
	select {
	case <-f.done:
		if f.err == errClosed {
			return errClosed
		}
		return fmt.Errorf("the store has failed before: %w", f.err)
	default:
		return nil
	}
}

// pebbleLogger passes on what Pebble says. What it calls fatal fails the store, which
// stops the node in its own way: Pebble itself goes on and returns errors.
type pebbleLogger struct {
	logger *slog.Logger
	fail   *failure
}

func (p *pebbleLogger) log(level slog.Level, format string, args []any) {
	if p.logger.Enabled(context.Background(), level) {
		p.logger.Log(context.Background(), level, fmt.Sprintf(format, args...), "from", "pebble")
	}
}

func (p *pebbleLogger) Infof(format string, args ...any) { p.log(slog.LevelDebug, format, args) }

func (p *pebbleLogger) Errorf(format string, args ...any) { p.log(slog.LevelError, format, args) }

func (p *pebbleLogger) Fatalf(format string, args ...any) {
	p.log(slog.LevelError, format, args)
	p.fail.set(fmt.Errorf("contents: "+format, args...))
}
