// Package storetest says what every store.Store must do, as one suite of tests. The disk
// passes it, and so does whatever stands in for the disk where speed matters more
// than the disk itself. Only what is promised by the interface is tested here; files,
// damage and errors of the disk are tested where the files are.
package storetest
