package exhaust

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/ringward/ringward/sequencer"
)

// print128 names a value by what it holds. Two values of equal print are taken for the same one: with the
// millions of values of a search, that two different ones share 128 bits is out of the question.
type print128 [2]uint64

func printOf(b []byte) print128 {
	second := xxhash.NewWithSeed(0x9e3779b97f4a7c15)
	second.Write(b)
	return print128{xxhash.Sum64(b), second.Sum64()}
}

// spelling writes down all that a value holds, fields that are not exported included, so that two values which
// behave alike for having equal contents are spelled alike. Empty and nil are the same; a pointer that was met
// before is spelled by when; maps are spelled in the order of their keys.
type spelling struct {
	b    []byte
	seen map[uintptr]int
}

// constant are the types of what no replica ever changes.
var constant = map[reflect.Type]bool{reflect.TypeFor[*sequencer.Genesis](): true}

func spell(b []byte, value any) []byte {
	s := spelling{b: b, seen: map[uintptr]int{}}
	s.value(reflect.ValueOf(value))
	return s.b
}

func (s *spelling) number(v uint64) { s.b = binary.AppendUvarint(s.b, v) }

func (s *spelling) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			s.number(1)
		} else {
			s.number(0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.b = binary.AppendVarint(s.b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.number(v.Uint())
	case reflect.String:
		s.number(uint64(v.Len()))
		s.b = append(s.b, v.String()...)
	case reflect.Slice, reflect.Array:
		s.number(uint64(v.Len()))
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			s.b = append(s.b, v.Bytes()...)
			return
		}
		for i := range v.Len() {
			s.value(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			s.value(v.Field(i))
		}
	case reflect.Map:
		s.keyed(v)
	case reflect.Interface:
		if v.IsNil() {
			s.number(0)
			return
		}
		s.b = append(append(s.b, v.Elem().Type().String()...), 1)
		s.value(v.Elem())
	case reflect.Pointer:
		s.pointer(v)
	default:
		// A function or a channel in the state of the core would hide what it holds.
		panic(fmt.Sprintf("the core's state holds a %v, which cannot be compared", v.Type()))
	}
}

func (s *spelling) pointer(v reflect.Value) {
	switch {
	case v.IsNil():
		s.number(0)
	case constant[v.Type()]:
		s.number(1)
	default:
		at, met := s.seen[v.Pointer()]
		if met {
			s.number(uint64(3 + at))
			return
		}
		s.seen[v.Pointer()] = len(s.seen)
		s.number(2)
		s.value(v.Elem())
	}
}

func (s *spelling) keyed(v reflect.Value) {
	s.number(uint64(v.Len()))
	if v.Len() == 0 {
		return
	}
	type pair struct {
		key   []byte
		value reflect.Value
	}
	var pairs []pair
	for it := v.MapRange(); it.Next(); {
		k := spelling{seen: s.seen}
		k.value(it.Key())
		pairs = append(pairs, pair{k.b, it.Value()})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return bytes.Compare(a.key, b.key) })
	for _, p := range pairs {
		s.b = append(s.b, p.key...)
		s.value(p.value)
	}
}
