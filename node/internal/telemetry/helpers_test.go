package telemetry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// sink is a destination of logs that can be made to stall.
type sink struct {
	mu     sync.Mutex
	text   bytes.Buffer
	begun  chan struct{} // receives at every Write that has to wait
	resume chan struct{} // nil: no Write waits
	err    error
}

func (s *sink) Write(b []byte) (int, error) {
	if s.resume != nil {
		s.begun <- struct{}{}
		<-s.resume
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.text.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// start opens a telemetry that logs into the sink.
func start(t *testing.T, o Options) (*Telemetry, *sink) {
	t.Helper()
	s := &sink{}
	log, err := OpenLog(s, "debug", "text")
	if err != nil {
		t.Fatal(err)
	}
	o.Log = log
	if o.Ops == "" {
		o.Ops = "127.0.0.1:0"
	}
	tel, err := Open(within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Close(within(t)); err != nil {
			t.Error(err)
		}
		if err := log.Close(within(t)); err != nil {
			t.Error(err)
		}
	})
	return tel, s
}

func get(t *testing.T, tel *Telemetry, path string) (int, string) {
	t.Helper()
	r, err := http.Get("http://" + tel.OpsAddress() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// wantMetrics checks that the lines are among the metrics, and that those that begin with without are not.
func wantMetrics(t *testing.T, tel *Telemetry, lines ...string) {
	t.Helper()
	code, text := get(t, tel, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	for _, line := range lines {
		unwanted := strings.HasPrefix(line, "!")
		if strings.Contains("\n"+text, "\n"+strings.TrimPrefix(line, "!")) == unwanted {
			t.Errorf("want %s in\n%s", line, own(text))
		}
	}
}

func own(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "ringward_") {
			b.WriteString(line)
		}
	}
	return b.String()
}
