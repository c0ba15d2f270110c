package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	composeloader "github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose reads the file as docker compose does, its schema included, and the services of every profile.
func loadCompose(text string) (*types.Project, error) {
	dir, err := filepath.Abs(filepath.Join(root, "deploy", "compose"))
	if err != nil {
		return nil, err
	}
	details := types.ConfigDetails{WorkingDir: dir, Environment: types.Mapping{}, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml"), Content: []byte(text)}}}
	return composeloader.LoadWithContext(context.Background(), details, func(o *composeloader.Options) {
		o.SetProjectName("convosphere", true)
		o.Profiles = []string{"*"}
	})
}

// faultsOfCompose are what is wrong with how the services are kept.
func faultsOfCompose(p *types.Project) (bad []string) {
	for name, s := range p.Services {
		say := func(format string, args ...any) { bad = append(bad, name+": "+fmt.Sprintf(format, args...)) }
		if !s.ReadOnly {
			say("its root file system can be written")
		}
		if !slices.Contains(s.CapDrop, "ALL") {
			say("keeps capabilities")
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			say("may gain privileges")
		}
		if s.Privileged || s.NetworkMode == "host" || s.Pid != "" || s.Ipc != "" {
			say("shares what is the host's")
		}
		if oneShot := s.Restart == "no"; oneShot {
			if s.NetworkMode != "none" {
				say("runs as root and has a network")
			}
		} else {
			bad = append(bad, faultsOfLasting(name, s)...)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.NanoCPUs == 0 || s.Deploy.Resources.Limits.MemoryBytes == 0 || s.Deploy.Resources.Limits.Pids == 0 {
			say("has no limits of processors, memory and processes")
		}
		if strings.HasSuffix(s.Image, ":latest") || !strings.Contains(s.Image, ":") {
			say("its image %s is not pinned", s.Image)
		}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind && (!strings.HasPrefix(name, "gateway") || v.Source != filepath.Join(p.WorkingDir, "conf.d") || !v.ReadOnly) {
				say("mounts %s of the host", v.Source)
			}
			if strings.HasPrefix(v.Source, "secrets-") && s.Restart != "no" && (!v.ReadOnly || v.Source != "secrets-"+strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(name, "-a"), "-b"), "-")) {
				say("mounts %s, which is not its own or can be written", v.Source)
			}
		}
		for key, v := range s.Environment {
			if v != nil && strings.Contains(*v, "://") || strings.HasSuffix(key, "PASSWORD") {
				say("%s holds what belongs into a file", key)
			}
		}
	}
	slices.Sort(bad)
	return bad
}

func faultsOfLasting(name string, s types.ServiceConfig) (bad []string) {
	say := func(format string, args ...any) { bad = append(bad, name+": "+fmt.Sprintf(format, args...)) }
	if s.User == "" || strings.HasPrefix(s.User, "0") || s.User == "root" {
		say("runs as root")
	}
	if len(s.CapAdd) > 0 {
		say("is given capabilities")
	}
	if strings.HasPrefix(name, "gateway") {
		if s.Sysctls["net.ipv4.ip_forward"] != "0" || s.Sysctls["net.ipv6.conf.all.forwarding"] != "0" {
			say("stands in several networks and forwards between them")
		}
		takes := time.Duration(0)
		for _, e := range []string{"GW_SHUTDOWN_DELAY", "GW_GRACE_PERIOD"} {
			if v := s.Environment[e]; v != nil {
				d, _ := time.ParseDuration(*v) // 0 fails below
				takes += d
			}
		}
		if s.StopGracePeriod == nil || takes == 0 || time.Duration(*s.StopGracePeriod) <= takes {
			say("is killed before it has ended")
		}
	} else if len(s.Ports) > 0 {
		say("publishes ports")
	}
	if s.HealthCheck == nil && name != "chat" {
		say("has no health check")
	}
	return bad
}

func TestCompose(t *testing.T) {
	p, err := loadCompose(read(t, "deploy", "compose", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if bad := faultsOfCompose(p); len(bad) > 0 {
		t.Error(strings.Join(bad, "\n"))
	}
	if s := p.Services["prometheus"]; len(s.Profiles) == 0 {
		t.Error("Prometheus runs for everybody")
	}
	for name, n := range p.Networks {
		if inside := name != "public"; n.Internal != inside {
			t.Errorf("network %s: internal: %v", name, n.Internal)
		}
	}
}

// What TestCompose looks for is found where it is.
func TestComposeFaultsAreFound(t *testing.T) {
	text := read(t, "deploy", "compose", "compose.yaml")
	for name, change := range map[string][2]string{
		"a root that is open":    {"read_only: true\n  cap_drop", "read_only: false\n  cap_drop"},
		"capabilities":           {"cap_drop: [ALL]", "cap_drop: [NET_RAW]"},
		"privileges":             {`security_opt: ["no-new-privileges:true"]`, "security_opt: []"},
		"root":                   {`user: "65532:65532"`, `user: "0:0"`},
		"no limit":               {"memory: 512M, pids: 200", "memory: 512M"},
		"a published Redis":      {"networks: {data: {ipv4_address: 10.89.3.31}}", "networks: {data: {ipv4_address: 10.89.3.31}}\n    ports: [\"6379:6379\"]"},
		"another's secrets":      {"source: secrets-chat, target: /run/secrets/chat", "source: secrets-redis, target: /run/secrets/chat"},
		"a password":             {"POSTGRES_PASSWORD_FILE: /run/secrets/postgres/password", "POSTGRES_PASSWORD: hunter2"},
		"forwarding":             {`sysctls: {net.ipv4.ip_forward: "0", net.ipv6.conf.all.forwarding: "0"}`, "sysctls: {}"},
		"killed in its grace":    {"stop_grace_period: 75s", "stop_grace_period: 10s"},
		"the newest, whatever":   {"image: redis:7.4-bookworm", "image: redis:latest"},
		"conf.d to write":        {"conf.d, read_only: true", "conf.d, read_only: false"},
		"the host's files":       {"{type: bind, source: ./conf.d", "{type: bind, source: /etc"},
		"the host's network":     {"network_mode: none", "network_mode: host"},
		"what compose knows not": {"stop_grace_period: 60s", "stop_grace_periods: 60s"},
	} {
		if !strings.Contains(text, change[0]) {
			t.Errorf("%s: the file has no %q", name, change[0])
			continue
		}
		p, err := loadCompose(strings.ReplaceAll(text, change[0], change[1]))
		if err == nil && len(faultsOfCompose(p)) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
}

// Prometheus asks each gateway where its health is bound, under the job's name that the rules look for, and reads every rule.
func TestComposePrometheus(t *testing.T) {
	p, err := loadCompose(read(t, "deploy", "compose", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	type scrape struct {
		Job     string                       `yaml:"job_name"`
		Targets []struct{ Targets []string } `yaml:"static_configs"`
	}
	var c struct {
		Global  map[string]string
		Rules   []string `yaml:"rule_files"`
		Scrapes []scrape `yaml:"scrape_configs"`
	}
	parseYAML(t, read(t, "deploy", "compose", "prometheus.yml"), &c)
	if len(c.Scrapes) != 1 || c.Scrapes[0].Job != "convosphere" || len(c.Scrapes[0].Targets) != 1 {
		t.Fatalf("%+v", c.Scrapes)
	}
	var want []string
	for name, s := range p.Services {
		if n := s.Networks["monitoring"]; n != nil && strings.HasPrefix(name, "gateway") {
			want = append(want, name+":9180")
			if bind := s.Environment["GW_BIND_HEALTH"]; !slices.Contains(strings.Fields(*bind), n.Ipv4Address) {
				t.Errorf("%s: its health is at %s, its address there is %s", name, *bind, n.Ipv4Address)
			}
		}
	}
	slices.Sort(want)
	if got := c.Scrapes[0].Targets[0].Targets; len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("Prometheus asks %q, the gateways are %q", got, want)
	}
	for _, rules := range c.Rules {
		if !slices.ContainsFunc(p.Services["prometheus"].Configs, func(f types.ServiceConfigObjConfig) bool { return f.Target == "/etc/prometheus/"+rules }) {
			t.Errorf("the rules %s are not mounted", rules)
		}
	}
	for _, f := range p.Services["prometheus"].Configs {
		if _, err := os.Stat(p.Configs[f.Source].File); err != nil {
			t.Error(err)
		}
	}
}
