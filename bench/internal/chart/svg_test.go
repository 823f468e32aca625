package chart

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// TestSVG: a chart alone is XML with all that the page would say about it, and a legend that goes on in a new line where it is too wide.
func TestSVG(t *testing.T) {
	f := NewFrame(300, 200, Linear(0, 10), Linear(0, 10), "x", "y")
	f.Title = "a <b> & 'c'"
	f.Mark(0, 5, 5, false, "a \"tip\" & more")
	for i := range 3 {
		f.Key(i, "a label that is long")
	}
	var b strings.Builder
	if err := f.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	places := map[string]bool{}
	var text strings.Builder
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, &b)
		}
		switch e := token.(type) {
		case xml.CharData:
			text.Write(e)
		case xml.StartElement:
			for _, a := range e.Attr {
				if a.Name.Local == "transform" && strings.HasPrefix(a.Value, "translate(74.0") {
					places[a.Value] = true
				}
			}
		}
	}
	for _, want := range []string{"a <b> & 'c'", "a \"tip\" & more", "a label that is long", "prefers-color-scheme: dark"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
	if len(places) != 3 {
		t.Errorf("the three entries stand at %v, want each in a line of its own", places)
	}
}
