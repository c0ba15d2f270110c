package gateway

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

const mostNode = 63 // bytes of a node's name, as of a host's in DNS

var errNode = errors.New("a name has letters, digits, - . _, and at most 63 of them")

func (a *App) parseNode(d *caddyfile.Dispenser) error {
	if err := one(d, &a.Node); err != nil {
		return err
	}
	if !strings.ContainsAny(a.Node, "{}") && !isNode(a.Node) {
		return d.Errf("node %q: %v", a.Node, errNode)
	}
	return nil
}

func isNode(s string) bool {
	return s != "" && len(s) <= mostNode && strings.Trim(s, nodeLetters) == ""
}

const nodeLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"

// nameNode fills in the name of this node: the same after a restart, and another for each of several on one host.
func (a *App) nameNode() error {
	if a.Node != "" {
		if !isNode(a.Node) {
			return errNode
		}
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "" // the folder alone names it, then
	}
	short, _, _ := strings.Cut(host, ".")
	if short == "" {
		short = "node"
	}
	short = strings.Map(func(r rune) rune {
		if r < 0x80 && strings.ContainsRune(nodeLetters, r) {
			return r
		}
		return '-'
	}, short)
	sum := sha256.Sum256([]byte(host + "\x00" + a.DataDir))
	a.Node = short[:min(len(short), mostNode-5)] + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:4])
	return nil
}
