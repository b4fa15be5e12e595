{{- define "espalier.fullname" -}}
{{- if contains "espalier" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-espalier" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "espalier.selector" -}}
app.kubernetes.io/name: espalier
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "espalier.labels" -}}
app.kubernetes.io/name: espalier
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: espalier
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "espalier.serviceAccount" -}}
{{- with .Values.controller.serviceAccount }}
{{- if .create }}{{ .name | default (include "espalier.fullname" $) }}{{ else }}{{ required "controller.serviceAccount.name is needed when create is false" .name }}{{ end }}
{{- end }}
{{- end }}

{{- /* dict: root, image (one of .Values.images) */ -}}
{{- define "espalier.image" -}}
{{- $images := .root.Values.images }}
{{- with $images.registry }}{{ . | trimSuffix "/" }}/{{ end }}{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "espalier.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "espalier.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "espalier.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "espalier.proxyEnv" -}}
{{- with .Values.network.proxy }}
{{- with .http }}
- { name: HTTP_PROXY, value: {{ . | quote }} }
{{- end }}
{{- with .https }}
- { name: HTTPS_PROXY, value: {{ . | quote }} }
{{- end }}
{{- with .exempt }}
- { name: NO_PROXY, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- end }}
