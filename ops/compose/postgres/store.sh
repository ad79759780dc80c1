#!/bin/bash
# What a new database begins with; PostgreSQL's image runs it once. The store's user owns its database and nothing else, and
# postgres_exporter's may look at everything that is measured.
set -euo pipefail

psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\set store `cat /run/secrets/db-password`
\set exporter `cat /run/secrets/exporter-password`
CREATE ROLE store LOGIN PASSWORD :'store';
CREATE ROLE exporter LOGIN PASSWORD :'exporter';
GRANT pg_monitor TO exporter;
CREATE DATABASE store OWNER store;
\connect store
CREATE EXTENSION pg_stat_statements;
SQL
