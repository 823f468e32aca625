//go:build !linux

package volume

import (
	"errors"
	"syscall"
)

func namespace() (*syscall.SysProcAttr, error) {
	return nil, errors.New("only Linux has mount namespaces")
}
