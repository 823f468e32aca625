package history

import (
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRecorder(t *testing.T) {
	r := NewRecorder(true)
	var clients sync.WaitGroup
	for range 4 {
		log := r.Client()
		clients.Go(func() {
			for range 100 {
				w := log.Invoke(Op{Kind: Put, Key: "k", Value: 7})
				g := log.Invoke(Op{Kind: Get, Key: "k"})
				log.Return(w, NotApplied, 9, 9)
				log.Return(g, OK, 5, 7)
				log.Return(log.Invoke(Op{Kind: Put, Key: "k", Value: 8}), Unknown, 9, 9)
			}
		})
	}
	r.History() // beside the calls
	clients.Wait()
	r.Client().Invoke(Op{Kind: Delete, Key: "k"})
	h := r.History()
	if !h.Fresh || len(h.Ops) != 4*300+1 {
		t.Fatalf("fresh %v and %d calls, want true and %d", h.Fresh, len(h.Ops), 4*300+1)
	}
	for _, o := range h.Ops {
		if err := o.Valid(); err != nil {
			t.Fatal(err)
		}
		var version uint64
		switch {
		case o.Kind == Get:
			version = 5
			if o.Outcome != OK || o.Value != 7 || o.Return < o.Call {
				t.Fatalf("read recorded as %v", &o)
			}
		case o.Value == 7 && (o.Outcome != NotApplied || o.Return < o.Call), o.Value != 7 && (o.Outcome != Unknown || o.Return != 0):
			t.Fatalf("write recorded as %v", &o)
		}
		if o.Version != version {
			t.Fatalf("version of %v, want %d", &o, version)
		}
	}
}

func TestFileKeepsTheHistory(t *testing.T) {
	h := simulate(3, 500, 5, uses{true, true})
	name := filepath.Join(t.TempDir(), "history.jsonl")
	if err := h.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, h) {
		t.Error("what was read is not what was written")
	}
	if r := got.Check(time.Minute); !r.OK() {
		t.Errorf("verdict of the file: %v", r)
	}
}

func TestReadRefuses(t *testing.T) {
	const head = `{"ringward_history":1,"fresh":true}` + "\n"
	tests := []struct{ name, text, want string }{
		{"nothing", "", "line 1: empty"},
		{"no header", `{"client":1}`, "line 1: no header"},
		{"another format", `{"ringward_history":2}`, "format 2, want 1"},
		{"no JSON", head + "put", "line 2"},
		{"unknown kind", head + `{"op":"swap","outcome":"ok"}`, `kind of call "swap": want one of ["get" "put" "delete"]`},
		{"unknown outcome", head + `{"op":"get","outcome":"fine"}`, `outcome "fine": want one of`},
		{"no kind", head + `{"outcome":"ok","version":1}`, "want get, put or delete"},
		{"short fingerprint", head + `{"op":"get","outcome":"ok","version":1,"value":"12"}`, "want 16 hexadecimal digits"},
		{"unknown field", head + `{"op":"get","colour":"red"}`, "colour"},
		{"two in a line", head + `{"op":"get"} {"op":"get"}`, "more than one"},
		{"ends before it begins", head + `{"op":"get","call":9,"return":8,"outcome":"not-found"}`, "before it began at 9"},
		{"version 0", head + `{"op":"get","outcome":"ok"}`, "versions count from 1"},
		{"version without meaning", head + `{"op":"get","outcome":"not-found","version":4}`, "only ok and mismatch"},
		{"put not found", head + `{"op":"put","outcome":"not-found"}`, "which no put does"},
		{"conditional get", head + `{"op":"get","if":true}`, "no get has"},
		{"mismatch of nothing", head + `{"op":"put","outcome":"mismatch"}`, "had no condition"},
		{"negative time", head + `{"op":"get","call":-1}`, "began at -1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error for a file that does not exist")
	}
}

// FuzzRead feeds arbitrary bytes: whatever is accepted is valid, survives being
// written, and can be checked.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := simulate(1, 20, 3, uses{true, true}).Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"ringward_history":1}` + "\n" + `{"op":"put","value":"0000000000000001","call":1,"outcome":"unknown"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := h.Write(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&out)
		if err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		if !reflect.DeepEqual(again, h) {
			t.Fatal("what was written reads differently")
		}
		if len(h.Ops) <= 30 {
			h.Check(100 * time.Millisecond)
		}
	})
}
