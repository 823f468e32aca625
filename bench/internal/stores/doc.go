// Package stores drives key-value stores for the bench. The one idea: a workload sees every
// store through the few calls of [bench.Store], and a driver's whole work is to pass them
// on and to say truthfully how they failed.
package stores
