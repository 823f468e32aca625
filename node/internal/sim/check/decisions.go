package check

// decision is what the register keeps of one, for people: the configuration and, as numbers in the order in which they are
// stored, why it was proposed and how it came out; nil: it has not come out yet.
type decision struct {
	configuration
	reason, outcome []uint64
	served          uint64 // how long its head took to acknowledge a first write; 0: it has not been told
}

const (
	mostDecisions  = 64
	mostSuspicions = 16
)

// reason reads a time, 8 bytes of a node, for how long a suspicion stood, and the suspicions: 8 bytes of the reporter, 8 of
// the suspect, and a silence.
func (r *reader) reason() []uint64 {
	all := []uint64{r.number(), r.fixed(), r.number()}
	suspicions := 0
	r.list(func() {
		suspicions++
		all = append(all, r.fixed(), r.fixed(), r.number())
	})
	r.bad = r.bad || suspicions > mostSuspicions
	return all
}

// outcome reads a byte that says whether a base follows, and four durations.
func (r *reader) outcome() []uint64 {
	all := []uint64{uint64(r.octet())}
	r.bad = r.bad || all[0] > 1
	if all[0] == 1 {
		all = append(all, r.number())
	}
	return append(all, r.number(), r.number(), r.number(), r.number())
}

// decisions reads what the register keeps: of each the configuration, the reason, a byte that says whether an
// outcome follows, and how long the first write took.
func (r *reader) decisions() (all []decision) {
	r.list(func() {
		d := decision{configuration: r.configuration(), reason: r.reason()}
		switch r.octet() {
		case 0:
		case 1:
			d.outcome = r.outcome()
		default:
			r.bad = true
		}
		d.served = r.number()
		all = append(all, d)
	})
	r.bad = r.bad || len(all) > mostDecisions
	return all
}

// digest adds a decision to d.
func (x *decision) digest(d *digest) {
	x.configuration.digest(d)
	for _, numbers := range [][]uint64{x.reason, x.outcome} {
		d.number(uint64(len(numbers)))
		for _, n := range numbers {
			d.number(n)
		}
	}
	d.number(x.served)
}
