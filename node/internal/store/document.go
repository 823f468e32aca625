package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatVersion is that of everything in the directory. Documents state it, and
// the identity is read before anything else.
const formatVersion = 1

// maxDocument is far above what the largest genesis takes, in bytes.
const maxDocument = 1 << 28

// A document is a small file of JSON after one line that says what it is, in which
// format, and the CRC-32C of title and JSON. So people can read it, and
// damage is seen:
//
//	ringward identity, format 1, crc32c 0a1b2c3d
//	{ "node": ... }
const documentLine = "ringward %s, format %d, crc32c %08x\n"

func sealDocument(title string, body []byte) []byte {
	sum := crc32.Update(crc32.Checksum([]byte(title), castagnoli), castagnoli, body)
	return append(fmt.Appendf(nil, documentLine, title, formatVersion, sum), body...)
}

// openDocument decodes b, which is the document at path, into v.
func openDocument(path, title string, b []byte, v any) error {
	line, body, _ := bytes.Cut(b, []byte("\n"))
	// A newer format is reported before anything is made of the rest, which may
	// look different there.
	var version uint64
	if _, err := fmt.Sscanf(string(line), "ringward "+title+", format %d", &version); err == nil && version > formatVersion {
		return fmt.Errorf("%s has format version %d, and this program knows versions up to %d: use a newer program", path, version, formatVersion)
	}
	if want := sealDocument(title, body); !bytes.Equal(want, b) {
		want, _, _ = bytes.Cut(want, []byte("\n"))
		return &DamageError{File: path, Reason: fmt.Sprintf("begins with %.80q, want %q", line, want)}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &DamageError{File: path, Offset: int64(len(line)) + 1, Reason: err.Error()}
	}
	return nil
}

func readDocument(fs vfs.FS, path, title string, v any) error {
	b, err := readFile(fs, path, maxDocument)
	if err != nil {
		return err
	}
	return openDocument(path, title, b, v)
}

func writeDocument(fs vfs.FS, path, title string, v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(fs, path, sealDocument(title, append(body, '\n')))
}
