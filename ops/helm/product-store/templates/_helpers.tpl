{{/* Names. A Cluster's name may have 50 characters, and gets "-db" and what the operator adds. */}}
{{- define "store.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "store.cluster" -}}
{{ include "store.name" . }}-db
{{- end }}

{{- define "store.adminSecret" -}}
{{ .Values.admin.existingSecret | default (printf "%s-admin" (include "store.name" .)) }}
{{- end }}

{{- define "store.databaseSecret" -}}
{{- if .Values.postgresql.enabled }}{{ include "store.cluster" . }}-app
{{- else }}{{ required "externalDatabase.existingSecret: the Secret with the database's username and password" .Values.externalDatabase.existingSecret }}
{{- end }}
{{- end }}

{{- define "store.image" -}}
{{ required "image.repository: where the store's image is, such as registry.example.org/shop/product-store" .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What a part's pods are chosen by: include "store.selector" (list $ "redis"). */}}
{{- define "store.selector" -}}
{{- $top := index . 0 -}}
app.kubernetes.io/name: {{ $top.Chart.Name }}
app.kubernetes.io/instance: {{ $top.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "store.labels" -}}
{{- $top := index . 0 -}}
{{ include "store.selector" . }}
app.kubernetes.io/managed-by: {{ $top.Release.Service }}
app.kubernetes.io/version: {{ $top.Chart.AppVersion | quote }}
helm.sh/chart: {{ $top.Chart.Name }}-{{ $top.Chart.Version }}
{{- end }}

{{/* A pod that may do nothing that it need not: include "store.podSecurity" uid. */}}
{{- define "store.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "store.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* How the store, and the Job that migrates, find the database. */}}
{{- define "store.databaseEnv" -}}
- name: STORE_DB_URL
  {{- if .Values.postgresql.enabled }}
  value: jdbc:postgresql://{{ include "store.cluster" . }}-rw:5432/store?sslmode=verify-full&sslrootcert=/etc/database-ca/ca.crt
  {{- else }}
  value: {{ required "externalDatabase.url: the database's JDBC address, or postgresql.enabled: true" .Values.externalDatabase.url | quote }}
  {{- end }}
- name: STORE_DB_USER
  valueFrom:
    secretKeyRef:
      name: {{ include "store.databaseSecret" . }}
      key: username
- name: STORE_DB_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "store.databaseSecret" . }}
      key: password
{{- end }}

{{- define "store.volumes" -}}
# All that is written to: Tomcat's work folder and the like.
- name: tmp
  emptyDir:
    sizeLimit: 128Mi
{{- if .Values.postgresql.enabled }}
- name: database-ca
  secret:
    secretName: {{ include "store.cluster" . }}-ca
    # Not its key.
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end }}

{{- define "store.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.postgresql.enabled }}
- name: database-ca
  mountPath: /etc/database-ca
  readOnly: true
{{- end }}
{{- end }}

{{/* Whom network policies speak of. */}}
{{- define "store.peer" -}}
- podSelector:
    matchLabels: {{- include "store.selector" . | nindent 6 }}
{{- end }}

{{- define "store.fromMonitoring" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .Values.monitoring.namespace }}
{{- end }}

{{- define "store.toDns" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{/* A database's pods, which the operator labels. */}}
{{- define "store.databasePeer" -}}
- podSelector:
    matchLabels:
      cnpg.io/cluster: {{ include "store.cluster" . }}
{{- end }}

{{- define "store.monitorMetadata" -}}
{{- $top := index . 0 -}}
name: {{ include "store.name" $top }}-{{ index . 1 }}
labels:
  {{- include "store.labels" (list $top (index . 1)) | nindent 2 }}
  {{- with $top.Values.monitoring.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The rules and dashboards know a target by its job. */}}
{{- define "store.job" -}}
- targetLabel: job
  replacement: {{ . }}
{{- end }}
