package check

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// entries are those of one replica, or of the truth, from seqno 1 on.
type entries []item

type item struct {
	epoch   uint64
	digest  uint64 // of all up to here
	command []byte
}

// digest is that of the history up to seqno, which must be in it or 0.
func (h entries) digest(seqno uint64) uint64 {
	if seqno == 0 {
		return 0
	}
	return h[seqno-1].digest
}

func (h entries) last() uint64 { return uint64(len(h)) }

// after is an entry as it stands in a history, behind one with the given digest.
func (e entry) after(before uint64) item {
	d := newDigest(before)
	d.number(e.epoch)
	d.number(e.seqno)
	d.bytes(e.command)
	return item{epoch: e.epoch, digest: uint64(d), command: e.command}
}

// upTo returns the history cut behind seqno. The rest stays as it is for who holds it.
func (h entries) upTo(seqno uint64) entries { return slices.Clip(h[:seqno]) }

// agrees reports whether both hold the same up to seqno, which must be in both.
func (h entries) agrees(other entries, seqno uint64) bool {
	return h.digest(seqno) == other.digest(seqno)
}

// digest is an FNV-1a hash in the making.
type digest uint64

func newDigest(seed uint64) digest {
	d := digest(14695981039346656037)
	d.number(seed)
	return d
}

func (d *digest) bytes(b []byte) {
	d.number(uint64(len(b)))
	for _, c := range b {
		*d = (*d ^ digest(c)) * 1099511628211
	}
}

func (d *digest) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	for _, c := range b {
		*d = (*d ^ digest(c)) * 1099511628211
	}
}

// replica is one replica as its records tell it.
type replica struct {
	promised, active uint64
	history          entries
	// lineage is what it has adopted as a learner of the epoch it promised; nil: it learns none. void: it has given up
	// its history. learned: it has done either since it was active last.
	lineage       []view
	void, learned bool
}

// fold carries out one record, which was found acceptable.
func (r *replica) fold(rec *record) {
	switch rec.kind {
	case recordPromise:
		r.promised, r.lineage = rec.promise(), nil
	case recordState:
		r.promised, r.active = rec.promise(), rec.epoch
	case recordFollow:
		if rec.again {
			return
		}
		r.history, r.lineage, r.void, r.learned = r.history.upTo(rec.kept), rec.lineage, len(rec.lineage) == 0, true
		r.history = append(r.history, rec.items...)
	case recordEntry:
		r.history = append(r.history, rec.items...)
	case recordActivate:
		if rec.epoch != r.active { // else it is written once more, see acceptable
			r.history = append(r.history.upTo(rec.cut), rec.items...)
			r.active, r.lineage, r.void, r.learned = rec.epoch, nil, false, false
		}
	}
}

// acceptable says what is wrong with giving rec to the log: which invariant, and how; 0 if nothing is. It fills in
// the record's items.
func (r *replica) acceptable(rec *record, t *truth) (invariant int, reason string) {
	last := r.history.last()
	switch rec.kind {
	case recordEntry:
		e := rec.entries[0]
		switch {
		case r.active != r.promised && r.lineage != nil:
			return r.learns(rec, t)
		case e.epoch != r.active || r.active != r.promised:
			return 4, fmt.Sprintf("accepts entry %d of epoch %d, being active in %d with a promise for %d", e.seqno, e.epoch, r.active, r.promised)
		case e.seqno != last+1:
			return 2, fmt.Sprintf("accepts entry %d after %d", e.seqno, last)
		}
		rec.items = entries{e.after(r.history.digest(last))}
	case recordPromise:
		if e := rec.promise(); e <= r.promised {
			return 4, fmt.Sprintf("promises epoch %d after %d", e, r.promised)
		}
	case recordActivate:
		return r.activates(rec)
	case recordFollow:
		return r.follows(rec, t)
	case recordState:
		return 2, "begins anew"
	}
	return 0, ""
}

// learns is acceptable for an entry that a learner takes.
func (r *replica) learns(rec *record, t *truth) (invariant int, reason string) {
	e, last := rec.entries[0], r.history.last()
	switch {
	case e.seqno != last+1:
		return 2, fmt.Sprintf("accepts entry %d after %d", e.seqno, last)
	case e.seqno > t.history.last():
		return 5, fmt.Sprintf("learns entry %d, and persistent is %d", e.seqno, t.history.last())
	}
	rec.items = entries{e.after(r.history.digest(last))}
	if rec.items[0].digest != t.history.digest(e.seqno) {
		return 5, fmt.Sprintf("learns another entry %d than the persistent one", e.seqno)
	}
	return 0, ""
}

// follows is acceptable for a record with which a learner, or one that takes in a snapshot, adopts another history.
func (r *replica) follows(rec *record, t *truth) (invariant int, reason string) {
	last := r.history.last()
	switch {
	case r.active == r.promised:
		return 4, fmt.Sprintf("adopts another history in epoch %d, in which it is active", r.active)
	case len(rec.lineage) == 0: // it gives up what it has
		return 0, ""
	case r.void && rec.cut > t.history.last():
		return 5, fmt.Sprintf("takes in a snapshot at %d, and persistent is %d", rec.cut, t.history.last())
	case r.void:
		rec.items = slices.Clone(t.history[:rec.cut])
		return 0, ""
	case rec.cut > last:
		return 2, fmt.Sprintf("adopts a history cut at %d, beyond its end %d", rec.cut, last)
	}
	if len(rec.entries) > 0 {
		// Written once more, so that older parts of the log can go.
		rec.again = true
		for i, e := range rec.entries {
			at := rec.cut + uint64(i)
			if at+1 > last || e.seqno != at+1 || e.after(r.history.digest(at)).digest != r.history.digest(at+1) {
				return 2, fmt.Sprintf("writes its history up to %d once more, and differently at %d", last, at+1)
			}
		}
		if rec.cut+uint64(len(rec.entries)) != last {
			return 2, fmt.Sprintf("writes its history once more, and only up to %d of %d", rec.cut+uint64(len(rec.entries)), last)
		}
		return 0, ""
	}
	rec.kept = rec.cut
	if reason := r.history.upTo(rec.cut).within(rec.lineage); reason != "" {
		return 2, fmt.Sprintf("adopts a history cut at %d: %s", rec.cut, reason)
	}
	return 0, ""
}

// activates is acceptable for an activation.
func (r *replica) activates(rec *record) (invariant int, reason string) {
	last := r.history.last()
	if rec.cut > last {
		return 2, fmt.Sprintf("activates epoch %d with a history cut at %d, beyond its end %d", rec.epoch, rec.cut, last)
	}
	for i, e := range rec.entries {
		before := r.history.digest(rec.cut)
		if i > 0 {
			before = rec.items[i-1].digest
		}
		if at := rec.cut + uint64(i); e.seqno != at+1 {
			return 2, fmt.Sprintf("activates epoch %d with entry %d after %d", rec.epoch, e.seqno, at)
		}
		rec.items = append(rec.items, e.after(before))
	}
	after := append(r.history.upTo(rec.cut), rec.items...)
	switch {
	case rec.epoch == r.active:
		// Written once more, so that older parts of the log can go.
		if after.last() != last || !after.agrees(r.history, last) {
			return 2, fmt.Sprintf("writes its history in epoch %d once more, and differently", rec.epoch)
		}
		return 0, ""
	case rec.epoch != r.promised:
		return 4, fmt.Sprintf("activates epoch %d with a promise for %d", rec.epoch, r.promised)
	}
	if reason := after.against(rec.lineage, rec.epoch); reason != "" {
		return 2, fmt.Sprintf("activates epoch %d: %s", rec.epoch, reason)
	}
	return 0, ""
}

// against says where a history at the beginning of an epoch disagrees with its lineage.
func (h entries) against(lineage []view, epoch uint64) string {
	if n := len(lineage); n == 0 || lineage[n-1] != (view{epoch, h.last()}) {
		return fmt.Sprintf("the lineage %v does not end with (%d, %d)", lineage, epoch, h.last())
	}
	return h.within(lineage)
}

// within says where a history disagrees with a lineage.
func (h entries) within(lineage []view) string {
	for i, it := range h {
		if uint64(i) < lineage[0].base {
			continue // it does not reach back so far
		}
		belongs := uint64(0)
		for _, v := range lineage {
			if uint64(i) >= v.base {
				belongs = v.epoch
			}
		}
		if it.epoch != belongs {
			return fmt.Sprintf("entry %d is of epoch %d, of %d by the lineage %v", i+1, it.epoch, belongs, lineage)
		}
	}
	return ""
}
