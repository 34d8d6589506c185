"""What the hot path says to the database, in SQL that SQLite and PostgreSQL both take.

A test holds every table and column that is named here to ``models``.
"""

from __future__ import annotations

READ_SWITCH = """
SELECT position, seen, total_poor, bad_windows, clean_windows, recent, since, updated
FROM scorekit_switches WHERE model = :model"""

MAKE_SWITCH = """
INSERT INTO scorekit_switches
(model, position, since, seen, total_poor, bad_windows, clean_windows, recent, updated, revision)
VALUES (:model, 'closed', :now, 0, 0, 0, 0, '[]', :now, 0)
ON CONFLICT (model) DO NOTHING"""

WRITE_SWITCH = """
UPDATE scorekit_switches
SET position = :position, since = :since, seen = :seen, total_poor = :total_poor,
bad_windows = :bad_windows, clean_windows = :clean_windows, recent = :recent, updated = :now,
revision = revision + 1
WHERE model = :model"""

WRITE_CHANGE = """
INSERT INTO scorekit_switch_audit (model, at, who, from_position, to_position, why, run_id)
VALUES (:model, :now, :who, :from_position, :to_position, :why, :run_id)"""

READ_CHANGES = """
SELECT at, who, from_position, to_position, why, run_id
FROM scorekit_switch_audit WHERE model = :model ORDER BY id"""

BEGIN_RUN = """
INSERT INTO scorekit_runs (model, version, run_id, kind, started, outcome, output, turn)
VALUES (:model, :version, :run_id, :kind, :now, 'running', :output,
(SELECT COALESCE(MAX(turn), 0) + 1 FROM scorekit_runs WHERE model = :model))
ON CONFLICT (model, version, run_id) DO UPDATE
SET kind = :kind, started = :now, finished = NULL, outcome = 'running', output = :output, rows = NULL,
turn = EXCLUDED.turn"""

FIND_RUN = """
SELECT id FROM scorekit_runs WHERE model = :model AND version = :version AND run_id = :run_id"""

FINISH_RUN = """
UPDATE scorekit_runs SET finished = :now, outcome = :outcome, rows = :rows WHERE id = :run_key"""

FINISH_LOST = """
UPDATE scorekit_runs SET outcome = :outcome
WHERE model = :model AND run_id = :run_id AND outcome = 'running'"""
"""When it ended nobody knows."""

FIND_COUNTED = """
SELECT first_row, end_row FROM scorekit_counted
WHERE model = :model AND run_id = :run_id AND source = :source
AND first_row <= :end_row AND end_row >= :first_row ORDER BY first_row"""
"""Rows that overlap others, or end where they begin."""

CLEAR_COUNTED = """
DELETE FROM scorekit_counted
WHERE model = :model AND run_id = :run_id AND source = :source
AND first_row <= :end_row AND end_row >= :first_row"""

WRITE_COUNTED = """
INSERT INTO scorekit_counted (model, run_id, source, first_row, end_row, recorded)
VALUES (:model, :run_id, :source, :first_row, :end_row, :now)"""

FIND_SAME = """
SELECT w.id FROM scorekit_windows w JOIN scorekit_runs r ON r.id = w.run_key
WHERE r.model = :model AND r.run_id = :run_id AND w.number = :number AND w.source = :source"""
"""A window of a run, whichever version scored it."""

CLEAR_WINDOW = """
DELETE FROM scorekit_windows WHERE run_key = :run_key AND number = :number AND source = :source"""
"""With what it holds: one that is written again stands last."""

MAKE_WINDOW = """
INSERT INTO scorekit_windows
(run_key, model, number, source, first_row, rows, rejected, fallback, state, outcome, reason, recorded)
VALUES (:run_key, :model, :number, :source, :first_row, :rows, :rejected, :fallback, :state, :outcome,
:reason, :now)"""

FIND_WINDOW = """
SELECT MAX(id) FROM scorekit_windows WHERE run_key = :run_key AND number = :number"""

AMEND_WINDOW = "UPDATE scorekit_windows SET fallback = :fallback WHERE id = :window_key"

CLEAR_VERDICT = """
DELETE FROM scorekit_verdicts
WHERE window_key = :window_key AND check_name = :check_name AND column_name = :column_name"""

WRITE_VERDICT = """
INSERT INTO scorekit_verdicts (window_key, check_name, column_name, state, value, expected, message)
VALUES (:window_key, :check_name, :column_name, :state, :value, :expected, :message)"""

WRITE_COUNTS = """
INSERT INTO scorekit_bin_counts (window_key, kind, column_name, counts)
VALUES (:window_key, :kind, :column_name, :counts)"""

READ_ALERT_STATES = """
SELECT model, check_name, column_name, status, severity, since, last_sent
FROM scorekit_alert_states WHERE model = :model"""

WRITE_ALERT_STATE = """
INSERT INTO scorekit_alert_states
(fingerprint, model, check_name, column_name, status, severity, since, last_sent)
VALUES (:fingerprint, :model, :check_name, :column_name, :status, :severity, :since, :last_sent)
ON CONFLICT (fingerprint) DO UPDATE
SET status = :status, severity = :severity, since = :since, last_sent = :last_sent"""

WRITE_ALERT = """
INSERT INTO scorekit_alerts
(model, fingerprint, check_name, column_name, severity, status, summary, details, created)
VALUES (:model, :fingerprint, :check_name, :column_name, :severity, :status, :summary, :details, :created)"""

FIND_ALERT = """
SELECT MAX(id) FROM scorekit_alerts WHERE model = :model"""
"""The one that was just written by who holds the model; not every SQLite there is knows RETURNING."""

WRITE_DELIVERY = """
INSERT INTO scorekit_deliveries (alert_key, channel, attempts, next_attempt)
VALUES (:alert_key, :channel, 0, :now)"""

READ_DELIVERIES = """
SELECT d.id, d.channel, d.attempts, a.model, a.check_name, a.column_name, a.severity, a.status,
a.summary, a.details, a.created
FROM scorekit_deliveries d JOIN scorekit_alerts a ON a.id = d.alert_key
WHERE a.model = :model AND d.channel = :channel AND d.sent_at IS NULL AND d.next_attempt <= :now
AND d.attempts < :most AND a.created > :oldest
ORDER BY d.id LIMIT :limit"""

CLAIM_DELIVERY = """
UPDATE scorekit_deliveries SET attempts = attempts + 1, next_attempt = :later
WHERE id = :delivery_key AND sent_at IS NULL AND attempts = :attempts"""

SENT_DELIVERY = """
UPDATE scorekit_deliveries SET sent_at = :now, last_error = NULL WHERE id = :delivery_key"""

FAILED_DELIVERY = """
UPDATE scorekit_deliveries SET last_error = :error, next_attempt = :later WHERE id = :delivery_key"""
