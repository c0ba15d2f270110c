package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	disruption "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

const chartDir = root + "/deploy/helm/convosphere"

// cases are the values that the chart is rendered with.
var cases = []string{"chat", "managed", "shared", "small"}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func loadValues(t *testing.T, name string) map[string]any {
	t.Helper()
	return valuesOf(t, read(t, "deploy", "helm", "values", name+".yaml"))
}

func valuesOf(t *testing.T, text string) map[string]any {
	t.Helper()
	v := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// render is `helm template r`, with what helm refuses as its error.
func render(c *chart.Chart, values map[string]any) ([][]byte, error) {
	caps := chartutil.DefaultCapabilities.Copy()
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: "r", Namespace: "default", Revision: 1, IsInstall: true}, caps)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.Render(c, all)
	if err != nil {
		return nil, err
	}
	var docs [][]byte
	for name, text := range files {
		if path.Base(name) == "NOTES.txt" || strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		for r := utilyaml.NewYAMLReader(bufioReader(text)); ; {
			doc, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if len(bytes.TrimSpace(withoutComments(doc))) > 0 {
				docs = append(docs, doc)
			}
		}
	}
	return docs, nil
}

// objectsOf is what the chart makes of values that it takes.
func objectsOf(t *testing.T, values map[string]any) []runtime.Object {
	t.Helper()
	docs, err := render(loadChart(t), values)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(docs)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// decode reads the documents by the types of Kubernetes' API: unknown and doubled fields, and values of another type, are errors.
func decode(docs [][]byte) ([]runtime.Object, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, apps.AddToScheme, networking.AddToScheme, disruption.AddToScheme, autoscaling.AddToScheme, monitoring.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	strict := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	for _, doc := range docs {
		obj, _, err := strict.Decode(doc, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, doc)
		}
		all = append(all, obj)
	}
	return all, nil
}

// check is all that a cluster would say of the documents, and what we ask besides.
func check(t *testing.T, docs [][]byte) error {
	t.Helper()
	for _, doc := range docs {
		if err := againstSchemas(t, doc); err != nil {
			return err
		}
	}
	objects, err := decode(docs)
	if err != nil {
		return err
	}
	return errors.Join(restricted(objects), whole(objects))
}

// restricted asks the admission controller's own checks for PodSecurity "restricted", and for a root file system that is read-only.
func restricted(objects []runtime.Object) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, o := range objects {
		set, ok := o.(*apps.StatefulSet)
		if !ok {
			continue
		}
		pod := set.Spec.Template
		for _, r := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
			if !r.Allowed {
				return fmt.Errorf("%s: PodSecurity restricted: %s: %s", set.Name, r.ForbiddenReason, r.ForbiddenDetail)
			}
		}
		if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken {
			return fmt.Errorf("%s is given a token of the cluster's", set.Name)
		}
		for _, c := range pod.Spec.Containers {
			if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
				return fmt.Errorf("%s: the root file system of %s can be written", set.Name, c.Name)
			}
			if c.Resources.Limits.Memory().IsZero() || c.Resources.Limits.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
				return fmt.Errorf("%s: %s has no limits", set.Name, c.Name)
			}
			for _, e := range c.Env {
				if strings.Contains(e.Value, "://") {
					return fmt.Errorf("%s: %s holds an address: a secret's reference should", set.Name, e.Name)
				}
			}
		}
	}
	return nil
}

func TestChart(t *testing.T) {
	image := ship(t)
	for _, name := range cases {
		docs, err := render(loadChart(t), loadValues(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := errors.Join(check(t, docs), image.loads(t, docs)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %d objects", name, len(docs))
	}
}

// Values that make no sense are refused, by the schema or the templates, before anything reaches a cluster.
func TestChartRefusesValues(t *testing.T) {
	for name, broken := range map[string]string{
		"no site":                  `site: ""`,
		"an unknown value":         `replicsa: 3`,
		"a number as text":         `replicas: "3"`,
		"no key ring":              `keys: {secret: ""}`,
		"no Redis":                 `redis: {secret: ""}`,
		"no limits":                `resources: {limits: null}`,
		"Redis everywhere":         `networkPolicy: {redis: {selector: {app: null}}}`,
		"an address for a prefix":  `networkPolicy: {probes: ["10.0.0.1"]}`,
		"files without a secret":   `tls: {secret: ""}`,
		"another back end, unsaid": `chat: {enabled: false}`,
		"a digest that is none":    `image: {digest: latest}`,
		"a port that is none":      `upstream: {port: 70000}`,
		"a secret in a value":      `redis: {password: hunter2}`,
		"an app that is none":      `app: wiki`,
		"a file of no kind":        `conf: {global: "debug"}`,
		"a back end that may all":  `networkPolicy: {backend: {egress: [{}]}}`,
		"a way to any port":        `networkPolicy: {backend: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}}`,
	} {
		values := loadValues(t, "chat")
		over := map[string]any{}
		if err := yaml.Unmarshal([]byte(broken), &over); err != nil {
			t.Fatal(err)
		}
		// What is null in the second goes out of the first, as with helm -f.
		if _, err := render(loadChart(t), chartutil.MergeTables(over, values)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Nodes that order their own certificates each would wait for challenges that come to others: that is refused, with what to do instead, as soon as there may be two.
func TestChartOrdersCertificatesInOnePlace(t *testing.T) {
	for over, refused := range map[string]bool{
		`tls: {mode: auto}`: true,
		`{tls: {mode: auto}, autoscaling: {min: 1, max: 2}}`:              true,
		`{tls: {mode: auto}, autoscaling: {enabled: false}}`:              true,
		`{tls: {mode: auto}, autoscaling: {min: 1, max: 1}}`:              false,
		`{tls: {mode: auto}, autoscaling: {enabled: false}, replicas: 1}`: false,
		`tls: {mode: auto, storageClaim: certificates}`:                   false,
		`tls: {mode: files}`:                        false,
		`{tls: {mode: auto}, caddyfile: "its own"}`: false,
	} {
		_, err := render(loadChart(t), chartutil.MergeTables(valuesOf(t, over), loadValues(t, "chat")))
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "tls.secret") {
			t.Errorf("%s: %v", over, err)
		}
	}
}

// The gateway has the chat's rules before the chat alone, and what the values add where they add it. An application's database is reached as the values say, and by them alone.
func TestChartOfAnApplication(t *testing.T) {
	image := ship(t)
	config := func(values map[string]any) string {
		b, err := image.adapt(t, objectsOf(t, values))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, chat := range map[string]bool{"chat": true, "managed": false} {
		if got := config(loadValues(t, name)); strings.Contains(got, "/etc/convosphere/chat-waf.conf") != chat || strings.Contains(got, `"/api/rooms"`) != chat {
			t.Errorf("%s has the chat's rules: %v", name, !chat)
		}
	}
	managed := config(loadValues(t, "managed"))
	for _, want := range []string{`"backup":{"folder":"/var/lib/convosphere-backups","key_file":"/run/secrets/backup/backup.key"}`, `"uri":"/up"`} {
		if !strings.Contains(managed, want) {
			t.Errorf("managed has no %s: %s", want, managed)
		}
	}
	over := valuesOf(t, `
conf:
  identity: |
    public_url https://chat.example.com
    mail {
      server smtp://mail.example.com
      from   no-reply@example.com
    }
  secure: |
    upload {
      max_size 3MiB
    }
  site: header X-Added yes
`)
	added := config(chartutil.MergeTables(over, loadValues(t, "chat")))
	for _, want := range []string{"mail.example.com", "3145728", "X-Added"} {
		if !strings.Contains(added, want) {
			t.Errorf("what conf has of %s is not in force: %s", want, added)
		}
	}

	app, database := place{Labels: map[string]string{"app": "app"}}, place{Address: "10.40.3.4"}
	for _, open := range []bool{true, false} {
		values := loadValues(t, "managed")
		if !open {
			values["networkPolicy"].(map[string]any)["backend"] = map[string]any{"egress": []any{}}
		}
		policies := policiesBy(t, values)
		if passes(t, policies, app, database, 5432) != open || passes(t, policies, app, database, 22) || passes(t, policies, app, place{Address: "203.0.113.9"}, 5432) {
			t.Errorf("the application's database is reached, or more than it; given: %v", open)
		}
	}
}

// What check looks for is found where it is: each of these charts is broken in one place.
func TestChartFaultsAreFound(t *testing.T) {
	for name, change := range map[string][3]string{
		"root":                  {"_helpers.tpl", "runAsNonRoot: true\nrunAsUser: 65532", "runAsUser: 0"},
		"privileges":            {"_helpers.tpl", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"},
		"capabilities":          {"_helpers.tpl", "capabilities: {drop: [ALL]}", "capabilities: {add: [NET_ADMIN]}"},
		"no seccomp":            {"_helpers.tpl", "seccompProfile: {type: RuntimeDefault}", "seccompProfile: {type: Unconfined}"},
		"a root that is open":   {"_helpers.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"},
		"a path of the host":    {"statefulset.yaml", "emptyDir: {medium: Memory, sizeLimit: 16Mi}", "hostPath: {path: /run}"},
		"a field that is none":  {"statefulset.yaml", "podManagementPolicy:", "podManagmentPolicy:"},
		"a field doubled":       {"statefulset.yaml", "enableServiceLinks: false\n", "enableServiceLinks: false\n      enableServiceLinks: true\n"},
		"a number as text":      {"scale.yaml", "maxReplicas: {{ .Values.autoscaling.max }}", `maxReplicas: "many"`},
		"what must be there":    {"scale.yaml", "maxReplicas: {{ .Values.autoscaling.max }}", ""},
		"killed in its grace":   {"statefulset.yaml", "add .Values.shutdownDelay .Values.gracePeriod 35", "add 0 1"},
		"a budget of nothing":   {"scale.yaml", "matchLabels:\n      {{- include \"gw.gateway\" . | nindent 6 }}", "matchLabels: {app: other}"},
		"a probe of no port":    {"statefulset.yaml", "httpGet: {path: /readyz, port: health}", "httpGet: {path: /readyz, port: heatlh}"},
		"a volume of nothing":   {"statefulset.yaml", "{name: tmp, mountPath: /tmp}", "{name: temp, mountPath: /tmp}"},
		"a service of nothing":  {"service.yaml", "selector:\n    {{- include \"gw.gateway\" . | nindent 4 }}", "selector: {app: other}"},
		"scales what is absent": {"scale.yaml", "kind: StatefulSet, name: {{ $name }}", "kind: StatefulSet, name: other"},
		"an address in a value": {"statefulset.yaml", "{name: GW_PROFILE, value: fleet}", "{name: GW_REDIS, value: \"redis://u:p@redis\"}"},
	} {
		c := loadChart(t)
		i := slices.IndexFunc(c.Templates, func(f *chart.File) bool { return path.Base(f.Name) == change[0] })
		if i < 0 || !bytes.Contains(c.Templates[i].Data, []byte(change[1])) {
			t.Errorf("%s: %s has no %q", name, change[0], change[1])
			continue
		}
		c.Templates[i] = &chart.File{Name: c.Templates[i].Name, Data: bytes.ReplaceAll(c.Templates[i].Data, []byte(change[1]), []byte(change[2]))}
		docs, err := render(c, loadValues(t, "chat"))
		if err == nil {
			err = check(t, docs)
		}
		if err == nil {
			t.Errorf("%s is not found", name)
		}
	}
}

// toJSON is a document as the API server sees it.
func toJSON(doc []byte) (map[string]any, error) {
	raw, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, err
	}
	var v map[string]any
	return v, json.Unmarshal(raw, &v)
}
