package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestLogWrites(t *testing.T) {
	var s sink
	log, err := OpenLog(&s, "info", "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("too small a matter")
	log.With("node", "7").Warn("seen", "shard", 3)
	if err := log.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	var line struct {
		Level, Msg, Node string
		Shard            int
	}
	if err := json.Unmarshal([]byte(s.String()), &line); err != nil || line.Msg != "seen" || line.Node != "7" || line.Shard != 3 || line.Level != "WARN" {
		t.Errorf("%q is read as %+v, %v", s.String(), line, err)
	}
	log.Warn("too late")
	if log.Dropped() != 1 || strings.Contains(s.String(), "too late") {
		t.Errorf("%d lines dropped after Close; written is\n%s", log.Dropped(), s.String())
	}
}

func TestLogNeverWaits(t *testing.T) {
	s := &sink{begun: make(chan struct{}), resume: make(chan struct{})}
	log, err := OpenLog(s, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("first")
	<-s.begun // the destination has stalled, and from here on nothing is written
	line := strings.Repeat("x", maxPending/8)
	for range 20 {
		log.Info(line)
	}
	dropped := log.Dropped()
	if dropped < 12 || dropped > 19 {
		t.Errorf("%d of 20 lines dropped, of which 7 fit", dropped)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	cancel(enough)
	if err := log.Close(ctx); !errors.Is(err, enough) {
		t.Errorf("closing while the destination is stalled: %v", err)
	}
	go func() { // drains what is left: the lines, and one about those that are lost
		for range s.begun {
		}
	}()
	close(s.resume)
	if err := log.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	close(s.begun)
	if text := s.String(); !strings.Contains(text, "first") || !strings.Contains(text, "log lines were dropped") {
		t.Errorf("no word of the dropped lines in the last %q", text[max(0, len(text)-200):])
	}
}

func TestLogOutlivesItsDestination(t *testing.T) {
	s := &sink{err: errors.New("gone")}
	log, err := OpenLog(s, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("lost")
	if err := log.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	if log.Dropped() == 0 {
		t.Error("a line that could not be written is not counted")
	}
}

func TestLogOptions(t *testing.T) {
	for _, o := range [][2]string{{"loud", "text"}, {"info", "xml"}, {"", ""}} {
		if _, err := OpenLog(&sink{}, o[0], o[1]); err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("level %q, format %q: %v", o[0], o[1], err)
		}
	}
}

func BenchmarkLog(b *testing.B) {
	log, err := OpenLog(&sink{}, "info", "text")
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close(context.Background())
	b.ReportAllocs()
	for b.Loop() {
		log.Info("view change", "shard", 3)
	}
}
