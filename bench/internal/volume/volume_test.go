package volume

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestVolume(t *testing.T) {
	if err := Available(); err != nil {
		t.Logf("not tested: volumes cannot be had here: %v", err)
		return
	}
	dir := t.TempDir()
	v, err := New(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(v.Path(), "file")
	if err := os.WriteFile(file, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("others see %v in it, %v", entries, err)
	}
	if err := v.Fill(); err != nil {
		t.Fatal(err)
	}
	more := bytes.Repeat([]byte("x"), 100<<10)
	if err := os.WriteFile(filepath.Join(v.Path(), "more"), more, 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("written to a full volume: %v", err)
	}
	for range 2 {
		if err := v.Free(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(v.Path(), "more"), more, 0o600); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "data" {
		t.Errorf("read %q, %v", b, err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err == nil && strings.Contains(string(mounts), dir) {
		t.Errorf("still mounted:\n%s", mounts)
	}
}

func TestVolumeNowhere(t *testing.T) {
	_, err := New(filepath.Join(t.TempDir(), "missing"), 1<<20)
	if err == nil || !strings.Contains(err.Error(), "volume: ") {
		t.Errorf("error %v", err)
	}
}
