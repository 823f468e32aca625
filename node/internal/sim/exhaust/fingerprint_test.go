package exhaust

import (
	"bytes"
	"testing"
)

type inner struct{ n *int }

type spelled struct {
	hidden []byte
	m      map[string]*inner
	self   *spelled
	token  any
	flag   bool
}

func example() *spelled {
	one := 1
	x := &spelled{hidden: []byte("h"), m: map[string]*inner{}, token: op{n: 1}}
	for _, k := range []string{"a", "b", "c", "d"} {
		x.m[k] = &inner{&one}
	}
	x.self = x
	return x
}

func TestEqualContentsAreSpelledAlike(t *testing.T) {
	for range 10 { // maps come in another order each time
		if !bytes.Equal(spell(nil, example()), spell(nil, example())) {
			t.Fatal("two values of equal contents are spelled differently")
		}
	}
	a, b := example(), example()
	a.hidden, b.hidden = nil, []byte{}
	if !bytes.Equal(spell(nil, a), spell(nil, b)) {
		t.Error("nil and empty are spelled differently")
	}
}

func TestEachDifferenceIsSpelled(t *testing.T) {
	base := spell(nil, example())
	for name, change := range map[string]func(*spelled){
		"bytes":             func(x *spelled) { x.hidden = []byte("i") },
		"a map's value":     func(x *spelled) { two := 2; x.m["c"] = &inner{&two} },
		"a map's key":       func(x *spelled) { x.m["e"] = x.m["d"]; delete(x.m, "d") },
		"which is shared":   func(x *spelled) { one := 1; x.m["b"] = &inner{&one} },
		"a pointer":         func(x *spelled) { x.self = nil },
		"an any's value":    func(x *spelled) { x.token = op{n: 2} },
		"an any's type":     func(x *spelled) { x.token = 1 },
		"a flag":            func(x *spelled) { x.flag = true },
		"a nil in a struct": func(x *spelled) { x.m["a"] = &inner{} },
	} {
		x := example()
		change(x)
		if bytes.Equal(spell(nil, x), base) {
			t.Errorf("%s makes no difference", name)
		}
	}
}

func TestWhatCannotBeComparedIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a function is taken for comparable")
		}
	}()
	spell(nil, struct{ f func() }{func() {}})
}

func TestVisitedKeepsEachOnce(t *testing.T) {
	var v visited
	for range 2 {
		for i := range uint64(10000) {
			v.add(i << 40)
		}
	}
	n := 0
	for i := range v.parts {
		n += v.parts[i].n
	}
	if n != 10000 || v.add(5<<40) || !v.add(12345) {
		t.Errorf("holds %d of 10000", n)
	}
}
