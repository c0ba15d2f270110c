package main

import (
	"io/fs"
	"path/filepath"
)

// user is whom the images run as: nobody on the host, and the same number as in distroless images, so that policies that know these know it.
const user = 65532

// entry is a file or folder of an image.
type entry struct {
	path  string // absolute, within the image
	mode  fs.FileMode
	owned bool   // by user; else by root
	from  string // the file it is copied from; "" for a folder or text
	text  string
}

// image is what goes into one image: each layer is a list of entries, what changes least first.
type image struct {
	name   string
	title  string
	layers [][]entry
	config runtime
}

func (i image) entries() []entry {
	var all []entry
	for _, l := range i.layers {
		all = append(all, l...)
	}
	return all
}

// runtime is how the image is run. deploy/Dockerfile says the same; deploy/check holds them equal.
type runtime struct {
	entrypoint, cmd, env []string
	ports                []string
	volume               string
	health               []string
}

// accounts let programs that look names up find one.
var accounts = []entry{
	{path: "/etc", mode: fs.ModeDir | 0o755},
	{path: "/etc/passwd", mode: 0o644, text: "root:x:0:0:root:/:/sbin/nologin\nconvosphere:x:65532:65532:ConvoSphere:/var/lib/convosphere:/sbin/nologin\n"},
	{path: "/etc/group", mode: 0o644, text: "root:x:0:\nconvosphere:x:65532:\n"},
	{path: "/tmp", mode: fs.ModeDir | fs.ModeSticky | 0o777},
	{path: "/var", mode: fs.ModeDir | 0o755},
	{path: "/var/lib", mode: fs.ModeDir | 0o755},
}

// images are what can be written. Roots of public authorities and time zones are in the binaries.
func images(source, binary string) map[string]image {
	at := func(elem ...string) string { return filepath.Join(append([]string{source}, elem...)...) }
	return map[string]image{
		"gateway": {
			name: "convosphere", title: "ConvoSphere Gateway",
			layers: [][]entry{
				append(accounts[:len(accounts):len(accounts)],
					entry{path: "/etc/convosphere", mode: fs.ModeDir | 0o755},
					entry{path: "/etc/convosphere/Caddyfile", mode: 0o644, from: at("deploy", "container", "Caddyfile")},
					entry{path: "/etc/convosphere/chat-routes.caddy", mode: 0o644, from: at("caddyfiles", "chat-routes.caddy")},
					entry{path: "/etc/convosphere/chat-protect.caddy", mode: 0o644, from: at("caddyfiles", "chat-protect.caddy")},
					entry{path: "/etc/convosphere/chat-waf.conf", mode: 0o644, from: at("caddyfiles", "chat-waf.conf")},
					entry{path: "/etc/convosphere/chat-openapi.yaml", mode: 0o644, from: at("caddyfiles", "chat-openapi.yaml")},
					// A mount takes its place. Without one, that each kind has a file that Caddy passes over spares its warning that there is none.
					entry{path: "/etc/convosphere/conf.d", mode: fs.ModeDir | 0o755},
					entry{path: "/etc/convosphere/conf.d/.none.gateway", mode: 0o644},
					entry{path: "/etc/convosphere/conf.d/.none.identity", mode: 0o644},
					entry{path: "/etc/convosphere/conf.d/.none.secure", mode: 0o644},
					entry{path: "/etc/convosphere/conf.d/.none.site", mode: 0o644},
					entry{path: "/run", mode: fs.ModeDir | 0o755},
					entry{path: "/run/convosphere", mode: fs.ModeDir | 0o700, owned: true},
					entry{path: "/var/lib/convosphere", mode: fs.ModeDir | 0o700, owned: true},
					// Volumes that are mounted here take over its owner and mode when they are new.
					entry{path: "/var/lib/convosphere/keys", mode: fs.ModeDir | 0o700, owned: true},
					entry{path: "/var/lib/convosphere/caddy", mode: fs.ModeDir | 0o700, owned: true},
					entry{path: "/var/lib/convosphere-backups", mode: fs.ModeDir | 0o700, owned: true},
				),
				{{path: "/convosphere", mode: 0o755, from: binary}},
			},
			config: runtime{
				entrypoint: []string{"/convosphere"},
				cmd:        []string{"run", "--config", "/etc/convosphere/Caddyfile"},
				env:        []string{"HOME=/var/lib/convosphere", "XDG_CONFIG_HOME=/var/lib/convosphere/config", "XDG_DATA_HOME=/var/lib/convosphere"},
				ports:      []string{"8080/tcp", "8443/tcp", "8444/tcp", "9180/tcp"},
				volume:     "/var/lib/convosphere",
				health:     []string{"CMD", "/convosphere", "health", "--quiet", "--url", "http://127.0.0.1:9180/readyz"},
			},
		},
		"chat": {
			name: "convosphere-chat", title: "ConvoSphere chat back end",
			layers: [][]entry{
				append(accounts[:len(accounts):len(accounts)],
					entry{path: "/var/lib/chat", mode: fs.ModeDir | 0o700, owned: true},
				),
				{{path: "/chat", mode: 0o755, from: binary}},
			},
			config: runtime{
				entrypoint: []string{"/chat"},
				env:        []string{"HOME=/var/lib/chat"},
				ports:      []string{"9000/tcp"},
				volume:     "/var/lib/chat",
			},
		},
	}
}
