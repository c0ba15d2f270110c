// Package breach looks passwords up in large lists of leaked ones by k-anonymity: what is asked for is the range of all that share the first five
// hex digits of the SHA-1, so that nobody learns which password was meant. The format is that of haveibeenpwned.com's Pwned Passwords.
package breach

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	prefixLen = 5
	maxRange  = 1 << 20 // bytes; today's ranges have about 40,000
	timeout   = 3 * time.Second
)

// hashed is a password's SHA-1 as the ranges have it. Nothing rests on SHA-1's strength: it is the name under which the lists file a password.
func hashed(password string) (prefix, suffix string) {
	sum := sha1.Sum([]byte(password))
	h := strings.ToUpper(hex.EncodeToString(sum[:]))
	return h[:prefixLen], h[prefixLen:]
}

// find looks for a suffix in a range: lines of SUFFIX:COUNT. A count of 0 is padding.
func find(r io.Reader, suffix string) (bool, error) {
	lines := bufio.NewScanner(io.LimitReader(r, maxRange))
	seen := false
	for lines.Scan() {
		s, count, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if !ok || len(s) != len(suffix) {
			continue
		}
		seen = true
		if strings.EqualFold(s, suffix) {
			return count != "0", nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, err
	}
	if !seen {
		return false, errors.New("it holds no range of hashes")
	}
	return false, nil
}

// Folder holds the ranges as files: ABCDE or ABCDE.txt, each with the lines of its range, as the list's own downloader writes them.
type Folder struct{ Dir string }

// NewFolder refuses a folder that can't hold the ranges.
func NewFolder(dir string) (Folder, error) {
	f := Folder{dir}
	if _, err := f.open("00000"); err != nil {
		return f, fmt.Errorf("breached passwords: %s holds no file 00000.txt: %w", dir, err)
	}
	return f, nil
}

func (f Folder) open(prefix string) (*os.File, error) {
	file, err := os.Open(filepath.Join(f.Dir, prefix+".txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return os.Open(filepath.Join(f.Dir, prefix))
	}
	return file, err
}

// Leaked implements account.Breached. A range that is missing is an error: the folder is not whole.
func (f Folder) Leaked(_ context.Context, password string) (bool, error) {
	prefix, suffix := hashed(password)
	file, err := f.open(prefix)
	if err != nil {
		return false, fmt.Errorf("reading a range of leaked passwords: %w", err)
	}
	defer file.Close()
	return find(file, suffix)
}

// Service asks a server for the ranges.
type Service struct {
	base   string
	client *http.Client
	log    *zap.Logger
}

// NewService refuses what is no https address of ranges; loopback may be http.
func NewService(base string, client *http.Client, log *zap.Logger) (*Service, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil ||
		u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost") {
		return nil, errors.New("breached passwords: it is no https:// address of ranges, as https://api.pwnedpasswords.com/range")
	}
	bounded := *client
	bounded.Timeout = timeout
	bounded.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // perhaps to http
	return &Service{strings.TrimSuffix(base, "/"), &bounded, log}, nil
}

// Leaked implements account.Breached. Where the service does not answer the password passes, with a warning: the embedded list was asked before,
// and a stranger's outage must not keep people from choosing a password (fails open).
func (s *Service) Leaked(ctx context.Context, password string) (bool, error) {
	prefix, suffix := hashed(password)
	leaked, err := s.ask(ctx, prefix, suffix)
	if err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		s.log.Warn("the service of leaked passwords does not answer; only the embedded list was asked", zap.Error(err))
	}
	return leaked, nil
}

func (s *Service) ask(ctx context.Context, prefix, suffix string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/"+prefix, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Add-Padding", "true") // so that not even the answer's length tells the range
	req.Header.Set("User-Agent", "convosphere-gateway")
	res, err := s.client.Do(req)
	if err != nil {
		return false, errors.New("no answer")
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return false, fmt.Errorf("status %d", res.StatusCode)
	}
	return find(res.Body, suffix)
}
