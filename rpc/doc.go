// Package rpc is what crosses the wire, as a node sees it: the server that clients, operators and other
// nodes talk to, the streams to other nodes, and the forwarding of clients' operations.
//
// It speaks in the core's types. The messages on the wire are those of the .proto files: kvpb and adminpb
// are public, internal/peerpb is between nodes. internal/wire converts, and checks everything that
// comes in; internal/stream is the batch that forms by itself, which clients use as well.
//
// Between two nodes there is one stream per direction and kind of traffic, each on a
// connection of its own, for all shards: what is urgent is never queued behind bulk. Messages on one
// stream keep their order. When a stream breaks, what was under way on it may be lost, and the owner is told.
//
// Nothing here encrypts. So nothing listens beyond loopback unless it is told to be insecure.
package rpc
