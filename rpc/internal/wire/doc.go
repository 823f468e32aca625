// Package wire turns what crosses the wire into the core's types and back, and
// holds the one table of errors.
//
// Operations, results and messages between replicas pass by the hundred
// thousand, so they are written and read here field by field, straight between bytes and
// the core's types: no generated struct in between, no copy of a key, a value or an
// entry that need not be. The .proto files stay the contract. The bytes are
// those the generated code would write, and tests hold the two against each other. Everything
// rare (the ring, administration, a stream's hello) uses the generated types.
//
// A Frame is one gRPC message of such bytes. Codec lets gRPC carry it beside generated
// messages.
//
// Nothing that comes off a wire panics, and nothing passes that breaks a rule of the
// .proto files: decoders fail on what is malformed, Operation.Check answers what is
// well-formed and not allowed.
package wire
