"""Which test exercises which option from the installed command; ``test_option_coverage`` fails on a gap.

Who adds an option adds a line here.  Node ids are those of functions, without parameters, from the folder ``tests``.
"""

from __future__ import annotations

__all__ = ["OPTION_COVERAGE"]

_COMMAND_LINE = "parity/test_rows_command_line.py::"
_CONFIGURATION = "cli/test_log_configuration.py::"
_IDENTITY = "cli/test_user_identity.py::"
_INSTALLED = "cli/test_installed_options.py::"
_LISTS = "cli/test_file_lists.py::"
_OPTION_SETS = "parity/test_option_sets.py::"
_PLANNING = "parity/test_rows_planning.py::"
_REPORTS = "report/test_machine_reports.py::"
_READING = "parity/test_rows_reading.py::"
_RETRY = "cli/test_retry_options.py::"
_TLS = "cli/test_tls_options.py::"

OPTION_COVERAGE: dict[str, str] = {
    "--help": _COMMAND_LINE + "test_help",
    "--version": _COMMAND_LINE + "test_version",
    "--list-decoders": _COMMAND_LINE + "test_list_decoders",
    "--arguments": _COMMAND_LINE + "test_arguments_are_printed_even_when_quiet",
    "--quiet": _COMMAND_LINE + "test_quiet_hides_late_usage_errors",
    "--verbose": _OPTION_SETS + "test_usual_options",
    "--debug": _OPTION_SETS + "test_usual_options",
    "--log-level": _COMMAND_LINE + "test_verbose_pc_needs_verbose_mode",
    "--log-config": _CONFIGURATION + "test_syslog_server",
    "--verbose-pc": _COMMAND_LINE + "test_verbose_pc_needs_verbose_mode",
    "--read-file": _READING + "test_read_modes",
    "--read-file-only": _INSTALLED + "test_read_file_only_is_the_default",
    "--read-dataset": _READING + "test_read_modes",
    "--read-from-dicomdir": "parity/test_rows_dicomdir.py::test_dicomdir",
    "--scan-directories": _OPTION_SETS + "test_recursive_scan_with_pattern_and_report",
    "--scan-pattern": _OPTION_SETS + "test_recursive_scan_with_pattern_and_report",
    "--no-recurse": _COMMAND_LINE + "test_a_group_is_checked_for_its_winner_only",
    "--recurse": _OPTION_SETS + "test_recursive_scan_with_pattern_and_report",
    "--decompress-never": _PLANNING + "test_decompress_never",
    "--decompress-lossless": _OPTION_SETS + "test_usual_options",
    "--decompress-lossy": _PLANNING + "test_decodable_lossy_syntaxes",
    "--compression-level": "parity/test_rows_conversion.py::test_compression_level",
    "--no-halt": _OPTION_SETS + "test_large_pdus_and_no_halt",
    "--no-illegal-proposal": _PLANNING + "test_lossy_syntaxes_are_never_illegal",
    "--no-uid-checks": _READING + "test_bad_sop_class",
    "--ipv4": _INSTALLED + "test_host_name_with_an_ipv4_address",
    "--ipv6": _INSTALLED + "test_ipv6_only_never_takes_an_ipv4_address",
    "--ip-auto": _INSTALLED + "test_host_name_with_an_ipv4_address",
    "--aetitle": "parity/test_rows_association.py::test_titles_go_out_as_given",
    "--call": "parity/test_rows_association.py::test_titles_go_out_as_given",
    "--multi-associations": _INSTALLED + "test_number_of_associations",
    "--single-association": _PLANNING + "test_single_association_leaves_the_rest",
    "--timeout": _INSTALLED + "test_connection_that_takes_too_long",
    "--acse-timeout": "parity/test_rows_responses.py::test_release_is_never_confirmed",
    "--dimse-timeout": _INSTALLED + "test_answer_that_does_not_come",
    "--max-pdu": "parity/test_rows_sending.py::test_max_pdu_does_not_change_what_is_sent",
    "--max-send-pdu": "parity/test_rows_sending.py::test_max_send_pdu",
    "--create-report-file": _OPTION_SETS + "test_recursive_scan_with_pattern_and_report",
    "--dicomdir-allow-outside": "parity/test_rows_dicomdir.py::test_references_that_leave_the_directory",
    "--normalize": _INSTALLED + "test_normalize_sends_the_canonical_form",
    "--keep-ybr": _INSTALLED + "test_keep_ybr",
    "--idle-timeout": _INSTALLED + "test_idle_timeout",
    "--parallel-associations": "system/test_parallel_peers.py::test_storescp",
    "--async-window": "system/test_parallel_peers.py::test_answers_out_of_order",
    "--send-while-scanning": "cli/test_speed_options.py::test_send_while_scanning",
    "--halt": "cli/test_speed_options.py::test_halt",
    "--shard": "cli/test_shard_options.py::test_each_file_is_sent_by_one_shard",
    "--keep-together": "cli/test_speed_options.py::test_keep_together",
    "--max-rate": "cli/test_speed_options.py::test_max_rate",
    "--max-instances-rate": "cli/test_speed_options.py::test_max_instances_rate",
    "--retry": _RETRY + "test_retry",
    "--retry-delay": _RETRY + "test_retry_delay",
    "--retry-max-time": _RETRY + "test_retry_max_time",
    "--stop-after-failures": _RETRY + "test_stop_after_failures",
    "--stop-at": _RETRY + "test_stop_at",
    "--max-duration": _RETRY + "test_max_duration",
    "--progress": "terminal/test_progress.py::test_piped_with_progress",
    "--no-progress": "terminal/test_progress.py::test_no_progress",
    "--files-from": _LISTS + "test_files_from",
    "--files-from0": _LISTS + "test_files_from0",
    "--min-age": _LISTS + "test_min_age",
    "--journal": "journal/test_options.py::test_journal",
    "--resume": "journal/test_options.py::test_resume",
    "--move-sent": "journal/test_options.py::test_move_sent",
    "--dry-run": "cli/test_preview.py::test_dry_run_tells_the_contexts",
    "--probe-peer": "cli/test_preview.py::test_probe_peer_stores_nothing",
    "--report-json": _REPORTS + "test_report_json_tells_what_the_peer_has_seen",
    "--report-jsonl": _REPORTS + "test_report_jsonl_to_standard_output",
    "--report-csv": _REPORTS + "test_report_csv_to_standard_output",
    "--report-html": "report/test_html_report.py::test_to_standard_output",
    "--report-patient": _REPORTS + "test_patients_are_in_reports_only_if_asked_for",
    "--user": _IDENTITY + "test_user_name",
    "--password": _IDENTITY + "test_user_name",
    "--empty-password": _IDENTITY + "test_user_name",
    "--password-file": _IDENTITY + "test_password_from_file_and_environment",
    "--kerberos": _IDENTITY + "test_tickets",
    "--saml": _IDENTITY + "test_tickets",
    "--jwt": _IDENTITY + "test_tickets",
    "--pos-response": _IDENTITY + "test_positive_response",
    "--disable-tls": _TLS + "test_disable_tls",
    "--enable-tls": _TLS + "test_client_certificate",
    "--anonymous-tls": _TLS + "test_authority",
    "--std-passwd": _TLS + "test_key_password_from_standard_input",
    "--use-passwd": _TLS + "test_key_passwords",
    "--null-passwd": _TLS + "test_key_passwords",
    "--tls-key-password-file": _TLS + "test_key_passwords",
    "--add-cert-file": _TLS + "test_authority",
    "--add-cert-dir": _TLS + "test_directory",
    "--profile-bcp195-nd": _TLS + "test_profiles",
    "--profile-bcp195": _TLS + "test_profiles",
    "--profile-bcp195-ex": _TLS + "test_profiles",
    "--require-peer-cert": _TLS + "test_authority",
    "--ignore-peer-cert": _TLS + "test_unknown_authority",
    "--tls-server-name": _TLS + "test_wrong_host",
    "--tls-no-hostname-check": _TLS + "test_wrong_host",
    "--require-stored": _INSTALLED + "test_exit_code_tells_whether_everything_was_stored",
}
