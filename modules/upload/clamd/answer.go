package clamd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// mostAnswer bounds what is read of one answer.
const mostAnswer = 4 << 10

// mostSignature bounds the name of what was found.
const mostSignature = 128

// readAnswer reads up to the next NUL. A connection has one question open at a time, so nothing follows it.
func readAnswer(r io.Reader, buf []byte) (string, error) {
	n := 0
	for {
		k, err := r.Read(buf[n:])
		n += k
		if i := bytes.IndexByte(buf[:n], 0); i >= 0 {
			if i != n-1 {
				return "", errors.New("clamd: more than one answer to one question")
			}
			return string(buf[:i]), nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		if n == len(buf) {
			return "", errors.New("clamd: an answer that does not end")
		}
	}
}

// parseVerdict reads the answer to the question of that number: "2: stream: OK", "2: stream: NAME FOUND". Anything else is an error.
func parseVerdict(answer string, number int) (Verdict, error) {
	if strings.HasSuffix(answer, "INSTREAM size limit exceeded. ERROR") { // with or without a number, as versions have it
		return Verdict{}, ErrTooLong
	}
	rest, ok := strings.CutPrefix(answer, strconv.Itoa(number)+": ")
	if !ok {
		return Verdict{}, errors.New("clamd: the answer is to another question")
	}
	rest, ok = strings.CutPrefix(rest, "stream: ")
	if !ok {
		return Verdict{}, errors.New("clamd: the scan failed")
	}
	if rest == "OK" {
		return Verdict{}, nil
	}
	name, ok := strings.CutSuffix(rest, " FOUND")
	if !ok {
		return Verdict{}, errors.New("clamd: the scan failed")
	}
	// Some versions put the hash and size of the file behind the name: NAME(68:44d88…).
	name, _, _ = strings.Cut(name, "(")
	if name = tidy(name); name == "" {
		name = "unnamed"
	}
	return Verdict{Signature: name}, nil
}

// tidy keeps of a signature's name what names are made of: it goes into events.
func tidy(name string) string {
	if len(name) > mostSignature {
		name = name[:mostSignature]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".-_/", r):
			return r
		}
		return -1
	}, name)
}

// parseVersion reads "ClamAV 1.4.6/27500/Mon Nov 23 09:00:00 2026": the engine, and the number of its signatures, "" where they are local alone.
func parseVersion(answer string) (engine, signatures string, err error) {
	parts := strings.SplitN(answer, "/", 3)
	if !strings.HasPrefix(parts[0], "ClamAV ") {
		return "", "", fmt.Errorf("clamd: %d bytes that are no version", len(answer))
	}
	if len(parts) > 1 {
		signatures = tidy(parts[1])
	}
	return tidy(strings.TrimPrefix(parts[0], "ClamAV ")), signatures, nil
}
