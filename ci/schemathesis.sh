#!/bin/sh
# Holds a running store against its description (src/main/resources/openapi.yaml), signed in as each role in turn:
#
#   ci/schemathesis.sh http://localhost:8080 admin@store.local the-password
#
# The store must run with STORE_RATE_LIMIT=off, and be one to throw away: it is filled with nonsense. Takes under four
# minutes. Prints how many cases passed for each role, and last "N passed, N failed". SECONDS_A_ROLE and SEED can be set.
# What is asked, and what is not, stands in schemathesis.toml.
set -eu

if [ $# -ne 3 ]; then
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
store=${1%/}
here=$(cd "$(dirname "$0")" && pwd)
description=$here/../src/main/resources/openapi.yaml
venv=$here/../target/schemathesis-venv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! [ -x "$venv/bin/schemathesis" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/schemathesis-requirements.txt"
fi
"$venv/bin/openapi-spec-validator" "$description"

# call METHOD PATH TOKEN [BODY]: prints the answer's body, fails on a refusal.
call() {
  curl --silent --show-error --fail-with-body --request "$1" "$store$2" ${3:+--header "Authorization: Bearer $3"} \
    ${4:+--header 'Content-Type: application/json' --data "$4"}
}
member() {
  python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
token() {
  call POST /api/auth/login '' "{\"email\":\"$1\",\"password\":\"$2\"}" | member access_token
}

run=$(date +%s)
admin=$(token "$2" "$3")
for role in customer manager somebody; do
  id=$(call POST /api/auth/register '' \
    "{\"email\":\"$role-$run@example.com\",\"password\":\"of-no-value\",\"name\":\"$role\"}" | member id)
  case $role in
    somebody) STORE_TRY_SOMEBODY=$id ;;
    *)
      call PUT "/api/users/$id" "$admin" "{\"role\":\"$role\",\"active\":true}" >"$work/ignored"
      STORE_TRY_ACCOUNTS="${STORE_TRY_ACCOUNTS:-} $id"
      ;;
  esac
done
STORE_TRY_ACCOUNTS="$STORE_TRY_ACCOUNTS $(call GET /api/auth/me "$admin" | member id)"
STORE_TRY_CATEGORY=$(call POST /api/categories/ "$admin" "{\"name\":\"Schemathesis $run\"}" | member id)
STORE_TRY_PRODUCT=$(call POST /api/products/ "$admin" "{\"sku\":\"TRY-$run\",\"name\":\"Яблоки\",\"stock\":1000000,
  \"category\":\"$STORE_TRY_CATEGORY\",\"price\":{\"amount\":\"99.90\",\"currency\":\"RUB\"}}" | member id)
export STORE_TRY_SOMEBODY STORE_TRY_ACCOUNTS STORE_TRY_CATEGORY STORE_TRY_PRODUCT
manager=$(token "manager-$run@example.com" of-no-value)
customer=$(token "customer-$run@example.com" of-no-value)

export PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1
cd "$work"
for role in anonymous customer manager admin; do
  case $role in
    anonymous) token= ;;
    customer) token=$customer ;;
    manager) token=$manager ;;
    admin) token=$admin ;;
  esac
  if ! "$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$description" --url "$store" \
    ${token:+--header "Authorization: Bearer $token"} --max-time "${SECONDS_A_ROLE:-45}" --seed "${SEED:-1}" --no-color \
    --report json --report-json-path "$work/$role.json" >"$work/$role.txt" 2>&1; then
    cat "$work/$role.txt"
  fi
done
"$venv/bin/python" "$here/schemathesis_summary.py" "$work" anonymous customer manager admin
