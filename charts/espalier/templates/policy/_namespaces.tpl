{{- define "espalier.policyNamespaces" -}}
{{- with .Values.namespaces -}}
namespaceSelector:
  matchExpressions: [{ key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }} }]
{{- end }}
{{- end }}
