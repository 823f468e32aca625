package check

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// The statuses an entry can have, as they are recorded on disk.
const (
	statusOK         = 1
	statusNotFound   = 2
	statusMismatch   = 3
	statusExpired    = 4
	statusForgotten  = 5
	statusOverloaded = 8

	maxUnanswered = 4096
)

// outcome is what one entry of the truth did, and what the contents are after it.
type outcome struct {
	status  byte
	version uint64
	// What the contents are then: digests of the keys, the sessions and the register.
	keys, sessions, register uint64
}

// model is the fold of a persistent history, as plain as can be.
type model struct {
	keys     map[string]versioned
	past     map[string][]versioned // what each key held, by rising version
	sessions map[uint64]*session
	chain    []configuration // the register of the next shard
	recorded uint64          // the epoch last recorded as activated
	learner  uint64          // the node that learns the next shard; 0: none does
	// decisions are the last ones of the next shard.
	decisions []decision
	// took tells at which entry the write of an identity took effect.
	took map[identity]uint64
	// puts tells the same of puts without an identity, by their values.
	puts map[string]uint64
	// Sums of the digests of all keys and of all sessions: they change with one of them only.
	keySum, sessionSum uint64
	registerSum        uint64 // digest of the register
}

type versioned struct {
	version uint64
	value   []byte
	deleted bool // by the write of this version
}

type identity struct{ session, op uint64 }

type session struct {
	lastUsed, floor uint64
	results         map[uint64]result
}

type result struct {
	status  byte
	version uint64
}

func newModel(next configuration) *model {
	m := &model{
		keys: map[string]versioned{}, past: map[string][]versioned{}, sessions: map[uint64]*session{},
		took: map[identity]uint64{}, puts: map[string]uint64{},
		chain: []configuration{next}, recorded: next.epoch,
	}
	m.registerSum = registerDigest(m.chain, m.recorded, m.learner, nil)
	return m
}

// apply carries out the command of entry seqno. The configurations that it decides are returned.
func (m *model) apply(seqno uint64, b []byte) (outcome, []configuration, error) {
	c, err := decodeCommand(b)
	if err != nil {
		return outcome{}, nil, err
	}
	r := result{status: statusOK}
	var decided []configuration
	switch c.kind {
	case commandPut, commandDelete:
		r = m.write(seqno, c)
	case commandOpen:
		r.version = seqno
		m.setSession(seqno, &session{lastUsed: seqno, floor: 1, results: map[uint64]result{}})
	case commandExpire:
		for _, idle := range c.expired {
			if s := m.sessions[idle.epoch]; s != nil && s.lastUsed == idle.base {
				m.setSession(idle.epoch, nil)
			}
		}
	case commandRegister:
		if decided, err = m.configure(c.value); err != nil {
			return outcome{}, nil, err
		}
		m.registerSum = registerDigest(m.chain, m.recorded, m.learner, m.decisions)
	}
	return outcome{
		status: r.status, version: r.version,
		keys: m.keySum, sessions: m.sessionSum, register: m.registerSum,
	}, decided, nil
}

func (m *model) write(seqno uint64, c command) result {
	if c.session == 0 {
		r := m.update(seqno, c)
		if r.status == statusOK && c.kind == commandPut {
			m.puts[string(c.value)] = seqno
		}
		return r
	}
	s := m.sessions[c.session]
	if s == nil {
		return result{status: statusExpired}
	}
	m.sessionSum -= sessionDigest(c.session, s)
	defer func() { m.sessionSum += sessionDigest(c.session, s) }()
	s.lastUsed = seqno
	s.floor = max(s.floor, min(c.oldest, c.op))
	maps.DeleteFunc(s.results, func(op uint64, _ result) bool { return op < s.floor })
	if r, ok := s.results[c.op]; ok {
		return r
	}
	if c.op < s.floor {
		return result{status: statusForgotten}
	}
	if len(s.results) >= maxUnanswered {
		return result{status: statusOverloaded}
	}
	r := m.update(seqno, c)
	s.results[c.op] = r
	m.took[identity{c.session, c.op}] = seqno
	return r
}

func (m *model) update(seqno uint64, c command) result {
	before, exists := m.keys[string(c.key)]
	if c.conditional && before.version != c.version {
		return result{status: statusMismatch, version: before.version}
	}
	if c.kind == commandDelete && !exists {
		return result{status: statusNotFound}
	}
	if exists {
		m.keySum -= keyDigest(c.key, before)
	}
	if c.kind == commandDelete {
		delete(m.keys, string(c.key))
		m.past[string(c.key)] = append(m.past[string(c.key)], versioned{version: seqno, deleted: true})
	} else {
		after := versioned{version: seqno, value: c.value}
		m.keys[string(c.key)] = after
		m.past[string(c.key)] = append(m.past[string(c.key)], after)
		m.keySum += keyDigest(c.key, after)
	}
	return result{status: statusOK, version: seqno}
}

// read is what a key holds after the entry at seqno.
func (m *model) read(key []byte, seqno uint64) (v versioned, exists bool) {
	past := m.past[string(key)]
	for i := len(past) - 1; i >= 0; i-- {
		if past[i].version <= seqno {
			return past[i], !past[i].deleted
		}
	}
	return versioned{}, false
}

func (m *model) setSession(id uint64, s *session) {
	if old := m.sessions[id]; old != nil {
		m.sessionSum -= sessionDigest(id, old)
		delete(m.sessions, id)
	}
	if s != nil {
		m.sessions[id] = s
		m.sessionSum += sessionDigest(id, s)
	}
}

// configure carries out a register command: one byte, 1 to decide, 2 to record as activated, 3 to name a learner, 4 to adopt what an
// operator decided and 5 to note a first write, and the configuration; then come why it is decided, how it came out, the learner in 8 bytes, why and
// the operator's chain, which ends with the configuration, or how long it took.
func (m *model) configure(b []byte) ([]configuration, error) {
	r := &reader{b: b}
	kind, c := r.octet(), r.configuration()
	learner := uint64(0)
	var more []uint64
	var ruled []configuration
	var took uint64
	switch kind {
	case 1:
		more = r.reason()
	case 2:
		more = r.outcome()
	case 3:
		learner = r.fixed()
	case 4:
		more = r.reason()
		ruled = r.chain()
	case 5:
		took = r.number()
	}
	newest := m.chain[len(m.chain)-1]
	if r.bad || len(r.b) > 0 || kind < 1 || kind > 5 || c.shard != newest.shard {
		return nil, fmt.Errorf("%w: register command", errMalformed)
	}
	if kind == 1 {
		if c.epoch != newest.epoch+1 {
			return nil, nil
		}
		m.decide(c, more)
		return []configuration{c}, nil
	}
	if kind == 4 {
		return m.adopt(c, ruled, more), nil
	}
	if kind == 3 {
		if newest.equal(c) && !slices.Contains(c.members, learner) {
			m.learner = learner
		}
		return nil, nil
	}
	if kind == 5 {
		for i := range m.decisions {
			if d := &m.decisions[i]; d.served == 0 && d.equal(c) {
				d.served = took
			}
		}
		return nil, nil
	}
	for i, d := range m.chain {
		if d.epoch == c.epoch && slices.Equal(d.members, c.members) && c.epoch > m.recorded {
			m.chain, m.recorded = slices.Clone(m.chain[i:]), c.epoch
			for k := range m.decisions {
				if m.decisions[k].epoch == c.epoch {
					m.decisions[k].outcome = more
				}
			}
			break
		}
	}
	return nil, nil
}

// decide appends a configuration to the register.
func (m *model) decide(c configuration, why []uint64) {
	m.chain = append(m.chain, c)
	m.decisions = append(m.decisions, decision{configuration: c, reason: why})
	if len(m.decisions) > mostDecisions {
		m.decisions = m.decisions[1:]
	}
	if slices.Contains(c.members, m.learner) {
		m.learner = 0
	}
}

// adopt takes what an operator decided into the register, all of it or nothing: where it contradicts what is there, or leaves an epoch
// out, it does nothing. What is there already is the operator's from then on.
func (m *model) adopt(last configuration, ruled []configuration, why []uint64) (decided []configuration) {
	newest := m.chain[len(m.chain)-1].epoch
	for _, c := range ruled {
		for _, d := range m.chain {
			if c.epoch == d.epoch && !c.equal(d) {
				return nil
			}
		}
		if c.epoch > newest+uint64(len(decided)) {
			if c.epoch > newest+uint64(len(decided))+1 {
				return nil
			}
			decided = append(decided, c)
		}
	}
	if n := len(m.decisions); last.epoch == newest && n > 0 {
		reason := slices.Clone(m.decisions[n-1].reason)
		reason[0], reason[1] = why[0], 0
		m.decisions[n-1].reason = reason
	}
	for _, c := range decided {
		m.decide(c, why)
	}
	return decided
}

func keyDigest(key []byte, v versioned) uint64 {
	d := newDigest('k')
	d.bytes(key)
	d.number(v.version)
	d.bytes(v.value)
	return uint64(d)
}

func sessionDigest(id uint64, s *session) uint64 {
	d := newDigest('s')
	d.number(id)
	d.number(s.lastUsed)
	d.number(s.floor)
	for _, op := range slices.Sorted(maps.Keys(s.results)) {
		d.number(op)
		d.number(uint64(s.results[op].status))
		d.number(s.results[op].version)
	}
	return uint64(d)
}

func registerDigest(chain []configuration, recorded, learner uint64, decisions []decision) uint64 {
	d := newDigest('r')
	for i := range chain {
		chain[i].digest(&d)
	}
	d.number(recorded)
	d.number(learner)
	for i := range decisions {
		decisions[i].digest(&d)
	}
	return uint64(d)
}

func (c *configuration) digest(d *digest) {
	d.number(c.shard)
	d.number(c.epoch)
	for _, m := range c.members {
		d.number(m)
	}
}

// contents sums up stored contents as the model sums up itself.
type contents struct {
	keys, sessions, register uint64
	applied                  uint64
}

// read takes one stored pair in.
func (c *contents) read(key, value []byte) error {
	v := &reader{b: value}
	switch {
	case len(key) > 0 && key[0] == 'k':
		c.keys += keyDigest(key[1:], versioned{version: v.fixed(), value: v.b})
		v.b = nil
	case len(key) == 9 && key[0] == 's':
		s := &session{lastUsed: v.number(), floor: v.number(), results: map[uint64]result{}}
		v.list(func() {
			op := v.number()
			s.results[op] = result{status: v.octet(), version: v.number()}
		})
		c.sessions += sessionDigest(binary.BigEndian.Uint64(key[1:]), s)
	case string(key) == "a":
		c.applied = v.number()
		v.fixed()
	case string(key) == "r":
		c.register = registerDigest(v.chain(), v.number(), v.fixed(), v.decisions())
	default:
		return fmt.Errorf("%w: stored key %q", errMalformed, key)
	}
	if v.bad || len(v.b) > 0 {
		return fmt.Errorf("%w: value stored at %q", errMalformed, key)
	}
	return nil
}
