package shard

// RequestKind says what a client asks of a shard.
type RequestKind uint8

// The kinds of request. The values are on the wire.
const (
	Get         RequestKind = 1
	Put         RequestKind = 2
	Delete      RequestKind = 3
	OpenSession RequestKind = 4
)

// Request is one operation of a client, as it reaches a replica.
type Request struct {
	Shard    ID
	Kind     RequestKind
	Key      []byte
	Value    []byte    // Put
	If       Condition // Put, Delete
	Identity Identity  // Put, Delete
	Stale    bool      // Get: any applied state will do, without a fence
	Token    Token
	// Trace is the W3C traceparent of a sampled trace that the request belongs to, else empty. It goes
	// along the chain, so that each member can report its part. Nothing depends on it.
	Trace string
}

// Command is what the history records of a request that is no get.
func (r *Request) Command() Command {
	switch r.Kind {
	case Put:
		return Command{Kind: CommandPut, Identity: r.Identity, If: r.If, Key: r.Key, Value: r.Value}
	case Delete:
		return Command{Kind: CommandDelete, Identity: r.Identity, If: r.If, Key: r.Key}
	}
	return Command{Kind: CommandOpenSession}
}
