package volume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSlow(t *testing.T) {
	if err := SlowAvailable(); err != nil {
		t.Logf("not tested: slow volumes cannot be had here: %v", err)
		return
	}
	dir, backing := t.TempDir(), t.TempDir()
	v, err := NewSlow(dir, backing)
	if err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(v.Path(), "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(sub, "file"))
	if err != nil {
		t.Fatal(err)
	}
	write := func() time.Duration {
		t.Helper()
		if _, err := f.WriteString("data"); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		return time.Since(begin)
	}
	write()
	const late = 200 * time.Millisecond
	v.Late(late)
	if took := write(); took < late {
		t.Errorf("a late sync took %v, want %v or more", took, late)
	}
	v.Late(0)
	// Those of a busy machine may be slow by themselves, but not all of them.
	quick := time.Hour
	for range 20 {
		quick = min(quick, write())
	}
	if quick >= late {
		t.Errorf("a sync that is not late any more takes %v", quick)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(sub, "file"), filepath.Join(v.Path(), "file")); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(backing, "file")); err != nil || string(b) != strings.Repeat("data", 22) {
		t.Errorf("the backing directory has %q, %v", b, err)
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err == nil && strings.Contains(string(mounts), dir) {
		t.Errorf("still mounted:\n%s", mounts)
	}
}

func TestSlowNowhere(t *testing.T) {
	for _, dirs := range [][2]string{{filepath.Join(t.TempDir(), "missing"), t.TempDir()}, {t.TempDir(), filepath.Join(t.TempDir(), "missing")}} {
		if _, err := NewSlow(dirs[0], dirs[1]); err == nil || !strings.Contains(err.Error(), "volume: ") {
			t.Errorf("error %v", err)
		}
	}
}
