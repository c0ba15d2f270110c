package event

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// MaxLine is how long a line is at most, with its end.
const MaxLine = 16 << 10

func newEncoder() zapcore.Encoder {
	return zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "@timestamp", LineEnding: "\n",
		EncodeTime:     zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000000Z07:00"),
		EncodeDuration: zapcore.NanosDurationEncoder,
	})
}

// encode writes e as a line of at most MaxLine. The caller frees it.
func encode(enc zapcore.Encoder, e *Event) (*buffer.Buffer, error) {
	line, err := encodeWhole(enc, e)
	for err == nil && line.Len() > MaxLine && e.leaveOut(enc, line.Len()) {
		line.Free()
		line, err = encodeWhole(enc, e)
	}
	if err == nil && line.Len() > MaxLine { // texts of what JSON writes as six bytes each
		e.plain()
		line.Free()
		line, err = encodeWhole(enc, e)
	}
	return line, err
}

// plain replaces in texts what is none.
func (e *Event) plain() {
	texts := []*string{
		&e.Outcome, &e.Reason, &e.RequestID, &e.Method, &e.Host, &e.Path, &e.Route, &e.Resource.Type, &e.Resource.ID, &e.UserAgent, &e.SourceIP, &e.Country,
		&e.Network.Organization, &e.UserID, &e.TargetID, &e.Account, &e.Session, &e.Device, &e.Node,
	}
	e.UserRoles = slices.Clone(e.UserRoles) // an identity's
	for i := range e.UserRoles {
		texts = append(texts, &e.UserRoles[i])
	}
	for _, s := range texts {
		*s = strings.Map(func(r rune) rune {
			if r < ' ' || r == utf8.RuneError {
				return '?'
			}
			return r
		}, *s)
	}
}

func encodeWhole(enc zapcore.Encoder, e *Event) (*buffer.Buffer, error) {
	return enc.EncodeEntry(zapcore.Entry{Time: e.Time.UTC()}, []zap.Field{zap.Inline(e)})
}

// leaveOut takes fields off e, the longest first, until a line of that length is short enough; false where there is none left. All that is not among
// Fields is short by itself.
func (e *Event) leaveOut(enc zapcore.Encoder, length int) bool {
	type sized struct {
		key  string
		size int
	}
	var all []sized
	for i, f := range e.Fields {
		if slices.Contains(e.left, f.Key) {
			continue
		}
		alone, err := enc.EncodeEntry(zapcore.Entry{}, e.Fields[i:i+1])
		if err != nil {
			continue
		}
		all = append(all, sized{f.Key, alone.Len()})
		alone.Free()
	}
	slices.SortStableFunc(all, func(a, b sized) int { return b.size - a.size })
	for _, f := range all {
		if length <= MaxLine {
			break
		}
		e.left = append(e.left, f.key)
		length -= f.size
	}
	return len(all) > 0
}
