package store

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/link"
)

// address is what an address of Redis says.
type address struct {
	options *redis.UniversalOptions
	tls     *link.TLS // nil: the link is not encrypted
}

// Secure returns the address with what its link is encrypted with: one of TLS, whatever it was.
func Secure(name string, t link.TLS) (string, error) {
	a, err := parse(name)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(a.options.Addrs[0], "/") {
		return "", errors.New("redis: a unix socket has no TLS")
	}
	if a.tls != nil {
		if t, err = t.Merge(*a.tls); err != nil {
			return "", fmt.Errorf("redis: %w", err)
		}
	}
	scheme, rest, _ := strings.Cut(name, "://") // parse has seen it
	if scheme, ok := strings.CutPrefix(scheme, "rediss"); ok {
		name = "rediss" + scheme + "://" + rest
	} else {
		name = "rediss" + strings.TrimPrefix(name, "redis")
	}
	name, query := cutQuery(name)
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("redis: what follows ? can't be read")
	}
	for key, v := range map[string]string{"ca": t.CA, "client_certificate": t.Certificate, "client_key": t.Key, "server_name": t.ServerName} {
		if v != "" {
			values.Set(key, v)
		}
	}
	if len(values) == 0 {
		return name, nil
	}
	return name + "?" + values.Encode(), nil
}

// Plain names the hosts of other machines that the address reaches without encryption.
func Plain(name string) (hosts []string, err error) {
	a, err := parse(name)
	if err != nil || a.tls != nil {
		return nil, err
	}
	for _, addr := range a.options.Addrs {
		if !link.Local(hostOf(addr)) {
			hosts = append(hosts, addr)
		}
	}
	return hosts, nil
}

func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
}

// hosts is an address without what is secret in it.
func hosts(name string) string {
	a, err := parse(name)
	if err != nil {
		return "?"
	}
	return strings.Join(a.options.Addrs, ",")
}

// cutQuery parts an address from its parameters: a password may hold a ? itself.
func cutQuery(name string) (rest, query string) {
	from := strings.LastIndexByte(name, '@') + 1
	if i := strings.IndexByte(name[from:], '?'); i >= 0 {
		return name[:from+i], name[from+i+1:]
	}
	return name, ""
}

func parse(name string) (*address, error) {
	name, query := cutQuery(name)
	scheme, rest, ok := strings.Cut(name, "://")
	if !ok {
		return nil, errors.New("redis: the address must begin with redis://, redis+sentinel:// or redis+cluster://")
	}
	base, mode, _ := strings.Cut(scheme, "+")
	if base != "redis" && base != "rediss" {
		return nil, fmt.Errorf("redis: unknown scheme %q", scheme)
	}
	a := &address{}
	db, err := a.parameters(query, base == "rediss")
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	// The list of hosts is no URL host; parse the address with the first one, and keep the list.
	auth, hosts := "", rest
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		auth, hosts = rest[:i+1], rest[i+1:]
	}
	if mode == "unix" {
		return a, a.unix(auth, hosts, db)
	}
	hosts, path, _ := strings.Cut(hosts, "/")
	list := strings.Split(hosts, ",")
	master := ""
	if mode == "sentinel" {
		master, path, _ = strings.Cut(path, "/")
		if master == "" {
			return nil, errors.New("redis+sentinel: name the master: redis+sentinel://host:port,…/master")
		}
	}
	plain, err := parsePlain("redis://" + auth + list[0] + "/" + path + db)
	if err != nil {
		return nil, err
	}
	a.options = &redis.UniversalOptions{Addrs: list, Username: plain.Username, Password: plain.Password, DB: plain.DB}
	switch mode {
	case "":
		if len(list) > 1 {
			return nil, errors.New("redis: several hosts need redis+sentinel:// or redis+cluster://")
		}
		a.options.Addrs = []string{plain.Addr} // with its port
	case "sentinel":
		a.options.MasterName = master
	case "cluster":
		a.options.IsClusterMode = true
	default:
		return nil, fmt.Errorf("redis: unknown scheme %q", scheme)
	}
	return a, nil
}

// unix reads the address of a socket: its path is all that stands behind what proves who we are.
func (a *address) unix(auth, path, db string) error {
	if a.tls != nil {
		return errors.New("redis: a unix socket has no TLS: write redis+unix://")
	}
	if !strings.HasPrefix(path, "/") {
		return errors.New("redis: a socket has a whole path: redis+unix:///run/redis/redis.sock")
	}
	plain, err := parsePlain("redis://" + auth + "localhost" + db)
	if err != nil {
		return err
	}
	a.options = &redis.UniversalOptions{Addrs: []string{path}, Username: plain.Username, Password: plain.Password, DB: plain.DB}
	return nil
}

func parsePlain(name string) (*redis.Options, error) {
	plain, err := redis.ParseURL(name)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the whole would show the password
		}
		return nil, fmt.Errorf("redis: reading the address: %w", err)
	}
	return plain, nil
}

// parameters reads what stands behind the ?. Whatever else go-redis knows there is refused: skip_verify would have the link verify nothing, and what
// the gateway sets by itself would seem to be settable.
func (a *address) parameters(query string, encrypted bool) (db string, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("what follows ? can't be read")
	}
	var t link.TLS
	for key, v := range values {
		to, known := map[string]*string{"ca": &t.CA, "client_certificate": &t.Certificate, "client_key": &t.Key, "server_name": &t.ServerName}[key]
		switch {
		case len(v) > 1:
			return "", fmt.Errorf("the parameter %s is given twice", key)
		case key == "db":
			db = "?db=" + url.QueryEscape(v[0])
		case !known:
			return "", fmt.Errorf("unknown parameter %q: an address knows db, ca, client_certificate, client_key and server_name", key)
		case !encrypted:
			return "", fmt.Errorf("the parameter %s goes with rediss://", key)
		default:
			*to = v[0]
		}
	}
	if encrypted {
		a.tls = &t
	}
	return db, nil
}
