// Package stream moves many operations over one connection.
//
// Its one idea is the batch that forms by itself. Whoever has something to send appends it
// to an Outbox and goes on; one goroutine per stream sends whatever has gathered since its
// last send. An idle stream sends an item at once, a busy one sends many in one
// message, and no timer stands in between. The same Outbox carries operations to a
// node, results back, and messages between nodes.
//
// Conn is a node's Operate stream as its users see it: submit an operation, get its
// result in a callback. There is no goroutine per operation. The stream is
// opened when it is first needed, and again after it broke. What was under way on a broken
// one is answered with what is known: Unavailable where the operation was surely not
// applied, OutcomeUnknown where a write may have been.
package stream
