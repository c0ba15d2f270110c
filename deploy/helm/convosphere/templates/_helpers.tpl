{{- define "gw.name" -}}
{{- printf "%s-convosphere" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "gw.selector" -}}
app.kubernetes.io/name: convosphere
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gw.gateway" -}}
{{ include "gw.selector" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "gw.chat" -}}
{{ include "gw.selector" . }}
app.kubernetes.io/component: chat
{{- end }}

{{- define "gw.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "gw.image" -}}
{{- $tag := .image.tag | default .root.Chart.AppVersion -}}
{{- if .image.digest }}{{ printf "%s:%s@%s" .image.repository $tag .image.digest }}{{ else }}{{ printf "%s:%s" .image.repository $tag }}{{ end -}}
{{- end }}

{{/* tls: the mode, where certificates can be had by it: the schema's words would not say what to do instead. A Caddyfile of one's own sees to them itself. */}}
{{- define "gw.tls" -}}
{{- $nodes := ternary .Values.autoscaling.max .Values.replicas .Values.autoscaling.enabled -}}
{{- if and (eq .Values.tls.mode "auto") (gt (int $nodes) 1) (not .Values.tls.storageClaim) (not .Values.caddyfile) -}}
{{- fail (printf "tls.mode auto with up to %v nodes: the authority's challenge comes to a node that does not know it. Set tls.mode files and tls.secret (a TLS secret, as cert-manager keeps one), or tls.storageClaim: a ReadWriteMany claim that all nodes share, or run one node" $nodes) -}}
{{- end -}}
{{- .Values.tls.mode -}}
{{- end }}

{{- define "gw.upstream" -}}
{{- $host := .Values.upstream.host -}}
{{- if .Values.chat.enabled }}{{ $host = printf "%s-chat" (include "gw.name" .) }}{{ end -}}
{{- printf "%s:%v" (required "upstream.host: name the back end, or leave chat.enabled true" $host) .Values.upstream.port -}}
{{- end }}

{{/* conf: whether any of it is given, and the files that it makes. */}}
{{- define "gw.conf" -}}
{{- $files := list -}}
{{- $given := false -}}
{{- range $kind, $text := .Values.conf -}}
{{- $name := printf "%s.%s" (ternary "values" ".none" (not (empty $text))) $kind -}}
{{- $files = append $files (dict "key" $name "path" $name) -}}
{{- if $text }}{{ $given = true }}{{ end -}}
{{- end -}}
{{- toYaml (dict "given" $given "files" $files) -}}
{{- end }}

{{- define "gw.backendSelector" -}}
{{- if .Values.chat.enabled }}{{ include "gw.chat" . }}{{ else }}{{ toYaml .Values.upstream.selector }}{{ end -}}
{{- end }}

{{/* What PodSecurity "restricted" asks for, and a read-only root besides. */}}
{{- define "gw.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
# Only a new volume is changed: what the gateway writes is its own alone, which it checks at each start.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- with .Values.seLinuxOptions }}
seLinuxOptions:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "gw.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* peers: who a rule is about, from a selector of pods here and prefixes elsewhere. */}}
{{- define "gw.peers" -}}
{{- if .selector }}
- podSelector:
    matchLabels:
      {{- toYaml .selector | nindent 6 }}
{{- end }}
{{- range .blocks }}
- ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- end }}
