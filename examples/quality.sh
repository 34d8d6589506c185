#!/bin/sh
# Ten nights of scoring rows that drift: verdicts, a fallback, the kill switch, an alert, a reset, a report.
set -eu
cd "$(dirname "$0")"
rm -rf out/quality
mkdir -p out/quality
export SCOREKIT_STORE=out/quality/models SCOREKIT_CONFIG=quality.toml

say() { printf '\n$ %s\n' "$*"; "$@"; }

# somebody who wants to be told
python receiver.py out/quality/port > out/quality/alerts.txt &
receiver=$!
trap 'kill "$receiver"' EXIT
while [ ! -e out/quality/port ]; do sleep 0.1; done
EXAMPLE_WEBHOOK="http://127.0.0.1:$(cat out/quality/port)/"
export EXAMPLE_WEBHOOK

# the calendar and what only later campaigns know would be no features of a model that is to last
say scorekit train bank-train.parquet --target y --name bank --estimator boosting \
  --drop month --drop day --drop contact --drop pdays --drop previous --drop poutcome
python windows.py bank-new.parquet out/quality/rows 10

night() {
  code=0
  say scorekit score "out/quality/rows/$1.parquet" -o "out/quality/$1.scores.parquet" --run-id "night-$1" ||
    code=$?
  echo "exit code $code"
}

for number in 01 02 03 04 05 06 07 08 09 10; do night "$number"; done

say scorekit quality history
say scorekit switch status
say scorekit check || true
echo
echo "$ cat alerts.txt"
cat out/quality/alerts.txt

say scorekit switch reset --by "Ada Lovelace" --reason "looked at the report: a new campaign, model to be trained again"
say scorekit switch status
say scorekit quality report -m bank -o out/quality/report.html

printf '\nall of it is in %s/out/quality; to go on: cd %s; export SCOREKIT_STORE=%s SCOREKIT_CONFIG=%s\n' \
  "$PWD" "$PWD" "$SCOREKIT_STORE" "$SCOREKIT_CONFIG"
