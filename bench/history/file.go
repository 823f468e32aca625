package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// Format is the number of the file format, in its first line.
const Format = 1

// MaxLine bounds one line of a history file, in bytes.
const MaxLine = 1 << 20

// History is what all clients did, in no order.
type History struct {
	Fresh bool // none of the keys existed before
	Ops   []Op
}

// Keys are those that calls were about, in order.
func (h *History) Keys() []string {
	keys := map[string]bool{}
	for i := range h.Ops {
		keys[h.Ops[i].Key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// header is the first line of a file.
type header struct {
	Format int  `json:"ringward_history"`
	Fresh  bool `json:"fresh"`
}

// Write writes the history as JSON lines: a header, then one call a line.
func (h *History) Write(w io.Writer) error {
	b := bufio.NewWriterSize(w, 1<<16)
	e := json.NewEncoder(b)
	if err := e.Encode(header{Format: Format, Fresh: h.Fresh}); err != nil {
		return err
	}
	for i := range h.Ops {
		if err := e.Encode(&h.Ops[i]); err != nil {
			return err
		}
	}
	return b.Flush()
}

// Read reads what Write wrote. Errors name the line.
func Read(r io.Reader) (*History, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 1<<16), MaxLine)
	h := &History{}
	line := 0
	for s.Scan() {
		line++
		if line == 1 {
			var first header
			if err := decode(s.Bytes(), &first); err != nil {
				return nil, fmt.Errorf("line 1: no header of a history: %w", err)
			}
			if first.Format != Format {
				return nil, fmt.Errorf("line 1: history of format %d, want %d", first.Format, Format)
			}
			h.Fresh = first.Fresh
			continue
		}
		var o Op
		err := decode(s.Bytes(), &o)
		if err == nil {
			err = o.Valid()
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		h.Ops = append(h.Ops, o)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", line+1, err)
	}
	if line == 0 {
		return nil, fmt.Errorf("line 1: empty, want the header of a history")
	}
	return h, nil
}

func decode(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return fmt.Errorf("more than one value in the line")
	}
	return nil
}

// WriteFile writes the history to a file that it makes or replaces.
func (h *History) WriteFile(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := h.Write(f); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", name, err)
	}
	return f.Close()
}

// WriteTemp writes the history to a new temporary file, which it names.
func (h *History) WriteTemp() (name string, err error) {
	f, err := os.CreateTemp("", "ringward-history-*.jsonl")
	if err != nil {
		return "", err
	}
	return f.Name(), errors.Join(h.Write(f), f.Close())
}

// ReadFile reads a history file.
func ReadFile(name string) (*History, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}
