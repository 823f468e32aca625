package telemetry

import (
	"testing"
	"time"

	"github.com/ringward/ringward/shard"
)

func TestOperations(t *testing.T) {
	tel, _ := start(t, Options{StatusName: func(s shard.Status) string {
		if s == 64 {
			return "Invalid"
		}
		return s.String()
	}})
	m := tel.Metrics()
	m.Operation(shard.Put, shard.OK, 3*time.Millisecond)
	m.Operation(shard.Put, shard.VersionMismatch, time.Millisecond)
	m.Operation(shard.Get, 64, time.Microsecond)
	m.Operation(200, 255, time.Hour)
	var got shard.Result
	m.Observe(shard.Request{Kind: shard.OpenSession}, func(r shard.Result) { got = r })(shard.Result{Status: shard.OK, Version: 9})
	if got.Version != 9 {
		t.Errorf("the answer is %+v", got)
	}
	wantMetrics(t, tel,
		`ringward_operations_total{kind="put",status="ok"} 1`,
		`ringward_operations_total{kind="put",status="version_mismatch"} 1`,
		`ringward_operations_total{kind="get",status="invalid"} 1`,
		`ringward_operations_total{kind="other",status="status(255)"} 1`,
		`ringward_operations_total{kind="open_session",status="ok"} 1`,
		`ringward_operation_duration_seconds_count{kind="put"} 2`,
		`ringward_operation_duration_seconds_bucket{kind="put",le="0.001"} 1`,
		`ringward_operation_duration_seconds_bucket{kind="put",le="0.005"} 2`,
		`go_goroutines `, `process_open_fds `, `target_info{`,
	)
}

func TestTraffic(t *testing.T) {
	tel, _ := start(t, Options{})
	m := tel.Metrics()
	m.Sent([]shard.Message{{Kind: shard.MsgWedge}, {Kind: shard.MsgAppend}, {Kind: shard.MsgWedge}, {Kind: 99}})
	m.Received([]shard.Message{{Kind: shard.MsgWedged}})
	m.Heartbeat()
	m.HeartbeatsSent(4)
	m.StreamOpened()
	m.StreamOpened()
	m.StreamClosed()
	m.Fsync(700*time.Microsecond, 30)
	wantMetrics(t, tel,
		`ringward_messages_total{direction="sent",kind="wedge"} 2`,
		`ringward_messages_total{direction="sent",kind="append"} 1`,
		`ringward_messages_total{direction="received",kind="wedged"} 1`,
		`ringward_heartbeats_total{direction="received"} 1`,
		`ringward_heartbeats_total{direction="sent"} 4`,
		`ringward_peer_streams 1`, `ringward_peer_streams_opened_total 2`, `ringward_peer_streams_closed_total 1`,
		`ringward_fsync_duration_seconds_bucket{le="0.001"} 1`, `ringward_fsync_records_sum 30`,
		`ringward_log_lines_dropped_total 0`,
	)
}

func TestWatch(t *testing.T) {
	tel, _ := start(t, Options{})
	s := Snapshot{LogBytes: 4096, Queues: map[string]int{"inbox": 5}, Replicas: []Replica{
		{Shard: 1, Role: Head, State: shard.Active, Epoch: 3, Commit: 20, Applied: 19},
		{Shard: 2, Role: Tail, State: shard.Pending, Epoch: 1},
	}}
	stop, err := tel.Metrics().Watch(func() Snapshot { return s })
	if err != nil {
		t.Fatal(err)
	}
	wantMetrics(t, tel,
		`ringward_shard_epoch{role="head",shard="1"} 3`,
		`ringward_shard_commit{role="head",shard="1"} 20`,
		`ringward_shard_applied{role="head",shard="1"} 19`,
		`ringward_shard_state{role="head",shard="1",state="active"} 1`,
		`ringward_shard_state{role="tail",shard="2",state="pending"} 1`,
		`ringward_log_size_bytes 4096`, `ringward_queue_length{queue="inbox"} 5`,
	)
	// A replica that changes leaves no trace of what it was.
	s.Replicas[1] = Replica{Shard: 2, Role: Sole, State: shard.Active, Epoch: 2}
	wantMetrics(t, tel,
		`ringward_shard_epoch{role="sole",shard="2"} 2`,
		`!ringward_shard_epoch{role="tail",shard="2"}`,
		`!ringward_shard_state{role="tail",shard="2",state="pending"}`,
	)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	wantMetrics(t, tel, `!ringward_shard_epoch`)
}

func TestRoles(t *testing.T) {
	c := shard.Configuration{Shard: 1, Epoch: 1, Members: []shard.NodeID{1, 2, 3}}
	for n, want := range map[shard.NodeID]Role{1: Head, 2: Middle, 3: Tail, 4: None} {
		if got := RoleIn(c, n); got != want {
			t.Errorf("node %d is %s, want %s", n, got, want)
		}
	}
	c.Members = c.Members[:1]
	if got := RoleIn(c, 1); got != Sole {
		t.Errorf("the only member is %s", got)
	}
	if got := RoleIn(shard.Configuration{}, 1); got != None {
		t.Errorf("in no configuration it is %s", got)
	}
}

func TestEvents(t *testing.T) {
	tel, _ := start(t, Options{})
	m := tel.Metrics()
	now := time.Unix(1000, 0)
	m.events.now = func() time.Time { return now }
	pass := func(d time.Duration) { now = now.Add(d) }
	configuration := func(id shard.ID, e shard.Epoch, members ...shard.NodeID) shard.Configuration {
		return shard.Configuration{Shard: id, Epoch: e, Members: members}
	}
	wedged := func(c shard.Configuration) {
		m.Event(shard.Event{Kind: shard.EventWedged, Shard: c.Shard, Configuration: c})
	}
	active := func(id shard.ID) { m.Event(shard.Event{Kind: shard.EventViewChange, Shard: id}) }
	suspect := func(n shard.NodeID) { m.Event(shard.Event{Kind: shard.EventSuspected, Node: n}) }
	trust := func(n shard.NodeID) { m.Event(shard.Event{Kind: shard.EventTrusted, Node: n}) }

	m.Hosting(1, []shard.Configuration{
		configuration(1, 1, 1, 2), configuration(2, 1, 1, 3), configuration(3, 1, 1, 2), configuration(4, 1, 2, 1), configuration(5, 1, 1, 3),
	})
	suspect(3) // long before, and nothing to do with shards 1, 3 and 4
	pass(time.Hour)
	suspect(2)
	suspect(2) // said twice
	pass(4 * time.Millisecond)
	wedged(configuration(1, 2, 1))
	wedged(configuration(3, 2, 1))
	pass(3 * time.Millisecond)
	active(1) // 7ms after the suspicion of 2
	wedged(configuration(3, 3, 1, 4))
	pass(100 * time.Millisecond)
	active(3) // 107ms: the second decision prolongs the pause
	active(3) // nothing was waited for
	trust(2)
	trust(2)
	wedged(configuration(2, 2, 1, 3, 4)) // 3 is suspected, and stays
	pass(30 * time.Millisecond)
	active(2)                      // 30ms after the wedge
	wedged(configuration(4, 2, 2)) // this node is dropped
	pass(time.Hour)
	wedged(configuration(4, 3, 2, 1)) // and taken back
	pass(30 * time.Millisecond)
	active(4)
	m.FalseSuspicion(2)
	m.Event(shard.Event{Kind: shard.EventReconfigured, Shard: 9, Configuration: configuration(9, 2, 1)})
	m.Event(shard.Event{Kind: shard.EventIncomparable, Shard: 1, Node: 2})
	m.Event(shard.Event{Kind: shard.EventSynced, Shard: 1})
	wantMetrics(t, tel,
		`ringward_suspicions_total{peer="0000000000000002"} 2`,
		`ringward_suspicions_false_total{peer="0000000000000002"} 1`,
		`ringward_suspected_nodes 1`,
		`ringward_wedged_total{shard="3"} 2`,
		`ringward_view_changes_total{shard="1"} 1`,
		`ringward_reconfigurations_total{shard="9"} 1`,
		`ringward_incomparable_total{shard="1"} 1`,
		`ringward_reconfiguration_duration_seconds_sum{shard="1"} 0.007`,
		`ringward_reconfiguration_duration_seconds_sum{shard="2"} 0.03`,
		`ringward_reconfiguration_duration_seconds_sum{shard="3"} 0.107`,
		`ringward_reconfiguration_duration_seconds_count{shard="3"} 1`,
		`ringward_reconfiguration_duration_seconds_sum{shard="4"} 0.03`,
		`!ringward_reconfiguration_duration_seconds_sum{shard="5"}`,
	)
}

// What is recorded for each operation, message and batch must not feed the garbage collector.
func TestRecordingDoesNotAllocate(t *testing.T) {
	tel, _ := start(t, Options{})
	m := tel.Metrics()
	messages := []shard.Message{{Kind: shard.MsgAppend}, {Kind: shard.MsgAck}}
	for name, f := range map[string]func(){
		"operation": func() { m.Operation(shard.Put, shard.OK, time.Millisecond) },
		"messages":  func() { m.Sent(messages) },
		"heartbeat": func() { m.Heartbeat() },
		"fsync":     func() { m.Fsync(time.Millisecond, 12) },
		"no trace":  func() { tel.Tracer().Start("", "put").End() },
	} {
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkOperation(b *testing.B) {
	log, err := OpenLog(&sink{}, "info", "text")
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close(b.Context())
	tel, err := Open(b.Context(), Options{Log: log})
	if err != nil {
		b.Fatal(err)
	}
	defer tel.Close(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		tel.Metrics().Operation(shard.Put, shard.OK, time.Millisecond)
	}
}
