package gossip

import (
	"bytes"
	"context"
	"log/slog"
)

// listLog receives memberlist's log lines, such as "[WARN] memberlist: text".
type listLog struct{ log *slog.Logger }

// Levels are one below memberlist's: to it an unreachable node is an error, while
// here it is a thing that happens and that others watch for.
var listLevels = map[string]slog.Level{
	"ERR": slog.LevelWarn, "ERROR": slog.LevelWarn, "WARN": slog.LevelInfo, "INFO": slog.LevelDebug, "DEBUG": slog.LevelDebug,
}

func (l listLog) Write(line []byte) (int, error) {
	text, level := bytes.TrimSpace(line), slog.LevelInfo
	if rest, ok := bytes.CutPrefix(text, []byte("[")); ok {
		if word, rest, ok := bytes.Cut(rest, []byte("] ")); ok {
			if lv, known := listLevels[string(word)]; known {
				text, level = rest, lv
			}
		}
	}
	l.log.Log(context.Background(), level, string(bytes.TrimPrefix(text, []byte("memberlist: "))))
	return len(line), nil
}
