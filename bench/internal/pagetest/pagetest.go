// Package pagetest checks, in tests of measurements, what their reports are when they are written.
package pagetest

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ringward/ringward/bench/internal/page"
)

var (
	// broken is what a number that is none, or a template or a format that went wrong, leaves.
	broken = regexp.MustCompile(`NaN|Inf|ZgotmplZ|%!`)
	// outside is what would be fetched from elsewhere.
	outside = regexp.MustCompile(`(?i)<script|<link|<img|src=|href=|url\(|@import|://`)
	// namespace is what each SVG names, and nobody fetches.
	namespace = `xmlns="http://www.w3.org/2000/svg"`
)

// Writes checks that a report can be written in all its forms, that these stand alone and have what is wanted in page and text, and returns the names of
// its drawings, each of which is there once.
func Writes(t *testing.T, r page.Report, html, text []string) (drawings []string) {
	t.Helper()
	alone := func(what, s string) {
		t.Helper()
		if bad := broken.FindString(s) + outside.FindString(strings.ReplaceAll(s, namespace, "")); bad != "" {
			t.Errorf("%s has %q", what, bad)
		}
	}
	has := func(what, s string, wants []string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(s, want) {
				t.Errorf("%s lacks %q:\n%s", what, want, s)
			}
		}
	}
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Errorf("the page: %v", err)
	}
	alone("the page", b.String())
	has("the page", b.String(), html)
	b.Reset()
	if err := r.WriteText(&b); err != nil {
		t.Errorf("the text: %v", err)
	}
	if bad := broken.FindString(b.String()); bad != "" {
		t.Errorf("the text has %q", bad)
	}
	has("the text", b.String(), text)
	there := map[string]bool{}
	for _, d := range r.Drawings() {
		b.Reset()
		if err := d.WriteSVG(&b); err != nil {
			t.Errorf("drawing %s: %v", d.Name, err)
		}
		alone("drawing "+d.Name, b.String())
		if there[d.Name] {
			t.Errorf("drawing %s is there twice", d.Name)
		}
		there[d.Name] = true
		drawings = append(drawings, d.Name)
	}
	return drawings
}

// ReadsAgain checks that a report which was written as JSON is read as the same.
func ReadsAgain[R any](t *testing.T, r *R) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var got R
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(&got, r) {
		t.Errorf("read %+v, error %v\nwritten %+v", got, err, *r)
	}
}
