#!/bin/sh
# Runs a command beside a PostgreSQL of this machine, started for it on a free port and thrown away afterwards:
#
#   ci/own-postgres.sh /usr/lib/postgresql/15/bin ./store run
#
# The command finds it in STORE_DB_URL, STORE_DB_USER, STORE_DB_PASSWORD, and for the tests in STORE_TEST_DB_….
set -eu

programs=$1
shift
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

# PostgreSQL refuses to run as root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  else
    "$@"
  fi
}
stop() {
  as_owner "$programs/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 1' INT TERM

if [ "$(id -u)" = 0 ]; then
  chown 65534:65534 "$folder"
fi
echo secret-of-the-tests >"$folder/password"
chmod 644 "$folder/password"
cd "$folder"
as_owner "$programs/initdb" -D "$folder/data" -U store --pwfile="$folder/password" -A scram-sha-256 \
  --encoding=UTF8 --locale=C.UTF-8 >/dev/null
as_owner "$programs/pg_ctl" -D "$folder/data" -w -l "$folder/log" \
  -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off" start >/dev/null ||
  { cat "$folder/log"; exit 1; }
export PGPASSWORD=secret-of-the-tests
"$programs/psql" -q -h 127.0.0.1 -p "$port" -U store -d postgres -c 'CREATE DATABASE store'
"$programs/psql" -qtA -h 127.0.0.1 -p "$port" -U store -d postgres -c 'SELECT version()'
cd "$OLDPWD"

STORE_DB_URL=jdbc:postgresql://127.0.0.1:$port/store
STORE_TEST_DB_URL=$STORE_DB_URL
STORE_DB_USER=store STORE_TEST_DB_USER=store
STORE_DB_PASSWORD=$PGPASSWORD STORE_TEST_DB_PASSWORD=$PGPASSWORD
export STORE_DB_URL STORE_DB_USER STORE_DB_PASSWORD STORE_TEST_DB_URL STORE_TEST_DB_USER STORE_TEST_DB_PASSWORD
"$@"
