package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// maxPending bounds the log lines that wait to be written, in bytes.
const maxPending = 1 << 20

// Log is a logger whose callers never wait for the destination.
type Log struct {
	*slog.Logger
	buffer *logBuffer
}

// OpenLog makes a logger that writes lines at level ("debug", "info", "warn", "error") and above to w, in
// format "text" or "json".
func OpenLog(w io.Writer, level, format string) (*Log, error) {
	var options slog.HandlerOptions
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	lv, ok := levels[level]
	if !ok {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	options.Level = lv
	var handler func(io.Writer) slog.Handler
	switch format {
	case "text":
		handler = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, &options) }
	case "json":
		handler = func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, &options) }
	default:
		return nil, fmt.Errorf("log format %q: want text or json", format)
	}
	b := &logBuffer{to: w, direct: slog.New(handler(w)), wake: make(chan struct{}, 1), done: make(chan struct{})}
	go b.run()
	return &Log{Logger: slog.New(handler(b)), buffer: b}, nil
}

// Dropped counts the lines that were lost because the destination was too slow or failed.
func (l *Log) Dropped() int64 {
	l.buffer.mu.Lock()
	defer l.buffer.mu.Unlock()
	return l.buffer.dropped
}

// Close writes what is pending, unless ctx ends before. Lines that come later are dropped.
func (l *Log) Close(ctx context.Context) error {
	l.buffer.close()
	select {
	case <-l.buffer.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("log lines are not all written: %w", context.Cause(ctx))
	}
}

// logBuffer is where lines wait. Whatever has gathered is written at once.
type logBuffer struct {
	to     io.Writer
	direct *slog.Logger // writes to to, for what the buffer itself has to say; only run uses it
	wake   chan struct{}
	done   chan struct{} // closed when run has ended

	mu      sync.Mutex
	pending []byte
	dropped int64
	told    int64 // of dropped, those that a line has told of
	closed  bool
}

var errLogClosed = errors.New("log is closed")

// Write takes one line. It never waits.
func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		b.dropped++
		return 0, errLogClosed
	case len(b.pending)+len(line) > maxPending:
		b.dropped++
		return len(line), nil
	}
	b.pending = append(b.pending, line...)
	b.signal()
	return len(line), nil
}

func (b *logBuffer) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *logBuffer) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

// run writes until the buffer is closed and empty.
func (b *logBuffer) run() {
	defer close(b.done)
	var batch []byte
	for range b.wake {
		b.mu.Lock()
		batch, b.pending = b.pending, batch[:0]
		lost := b.dropped - b.told
		b.told = b.dropped
		closed := b.closed
		b.mu.Unlock()

		if _, err := b.to.Write(batch); err != nil {
			b.mu.Lock()
			b.dropped++ // at least one: who cannot write need not count them
			b.told = b.dropped
			b.mu.Unlock()
		}
		if lost > 0 {
			b.direct.Warn("log lines were dropped: they came faster than they could be written", "lines", lost)
		}
		if closed {
			return
		}
	}
}
