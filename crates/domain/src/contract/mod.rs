//! The contract suite: what every store must do, as the ports' documentation has it.
//!
//! An adapter's tests say how to make a store, and get one test per case:
//!
//! ```ignore
//! use domain::contract::StoreUnderTest;
//!
//! async fn new_store() -> StoreUnderTest { /* connect, migrate, wrap in Arcs */ }
//!
//! domain::contract_suite!(test = tokio::test, store = new_store);
//! ```
//!
//! # What a case may assume
//!
//! - The store may be shared with other cases and may hold rows of earlier runs: a case makes users of its own
//!   and looks at nothing else.
//! - Nobody reaps turns in the store but the cases themselves, and all that share a store run in one process
//!   (those that reap wait for one another).
//! - Nobody makes administrators in the store but the cases themselves. Those that do wait for one another, and the
//!   ones about the last of them disable those that are there already.
//! - The store takes 200 calls at once. A case needs no runtime: it awaits calls together on one task, so
//!   what is to happen at the same time must happen on threads of the store's own.
//! - Users, sessions and conversations exist before a turn names them, as foreign keys may want it.
//!
//! Times come from the suite and lie in the past; a store that looks at its own clock where the port hands one
//! in does not pass. Only sessions, tickets, keys (of programs and for signing), exports and leases live by its clock.
#![expect(clippy::panic, clippy::expect_used, reason = "a contract case reports by panicking, as a test does")]

mod fixtures;
mod identities;
mod store;

pub mod accept;
pub mod api_keys;
pub mod audit;
pub mod beats;
pub mod context;
pub mod conversations;
pub mod current;
pub mod erasures;
pub mod exports;
pub mod finish;
pub mod health;
pub mod idempotency;
pub mod leases;
pub mod pieces;
pub mod profiles;
pub mod records;
pub mod retention;
pub mod rights;
pub mod rotation;
pub mod sessions;
pub mod signing_keys;
pub mod tickets;
pub mod turns;
pub mod usage;
pub mod users;

pub use store::StoreUnderTest;

/// One test per case of the suite, in a module per port.
///
/// `test` is the attribute that makes an async function a test, `store` the name of an async function without
/// arguments that makes a [`StoreUnderTest`]; it must be in scope where the macro is used.
#[macro_export]
macro_rules! contract_suite {
    (test = $test:meta, store = $store:ident $(,)?) => {
        $crate::contract_suite! { @cases $test, $store;
            users {
                an_account_is_found_by_its_id,
                an_imported_account_is_kept_as_it_was,
                an_import_takes_nothing_that_is_taken,
                a_login_finds_the_hash_without_regard_to_case,
                a_name_is_taken_in_whatever_case,
                an_address_is_taken_once,
                twenty_at_once_get_one_name,
                twenty_at_once_get_one_address,
                a_hash_is_replaced_only_while_it_is_the_old_one,
                accounts_are_listed_by_time_of_creation,
                accounts_of_one_moment_are_listed_once_each,
                an_unknown_cursor_is_refused,
                accounts_are_filtered,
                a_new_account_is_written_down,
            }
            profiles {
                what_is_said_changes,
                what_is_so_already_is_not_written_down,
                a_name_may_change_its_case,
                what_is_taken_is_refused,
                twenty_at_once_get_one_name,
                nobody_is_not_changed,
                a_new_password_ends_the_other_sessions,
                a_password_that_somebody_else_sets_ends_every_session,
            }
            rights {
                a_new_role_ends_all_sessions,
                what_is_so_already_is_unchanged,
                a_disabled_account_is_over,
                the_turns_of_the_disabled_are_stopped,
                an_enabled_account_starts_anew,
                logins_and_changes_go_on_side_by_side,
                the_last_admin_stays,
                of_two_admins_one_stays,
            }
            sessions {
                an_open_session_is_live,
                opening_a_session_notes_the_login,
                a_session_without_time_is_expired,
                a_longer_session_expires_later,
                a_session_that_is_used_goes_on,
                what_is_over_is_not_used,
                a_password_that_is_given_again_is_written_down,
                a_cookie_finds_its_session,
                an_ended_session_is_not_live,
                ending_what_is_over_or_never_was_is_no_error,
                only_its_owner_ends_a_session,
                of_twenty_at_once_one_ends_it,
                all_sessions_end_but_one,
                live_sessions_are_listed,
                pages_follow_one_another,
                an_unknown_cursor_is_refused,
            }
            rotation {
                tokens_follow_one_another,
                twenty_at_once_get_one_successor,
                a_token_may_come_again_within_the_grace,
                a_token_that_comes_too_late_ends_its_session,
                an_older_token_ends_its_session,
                a_token_has_one_successor,
                twenty_at_once_end_a_session_once,
                a_reuse_ends_one_session,
                an_unknown_token_is_refused,
                a_token_of_what_is_over_is_refused,
                an_exchange_counts_as_use,
                a_token_is_found_with_its_session,
            }
            tickets {
                a_ticket_is_good_once,
                of_twenty_at_once_one_gets_in,
                a_ticket_without_time_is_no_ticket,
                old_tickets_are_removed,
            }
            api_keys {
                a_key_is_found_with_its_owner,
                an_expired_key_is_not_live,
                a_revoked_key_is_not_live,
                only_its_owner_revokes_a_key,
                of_twenty_at_once_one_revokes_it,
                the_first_use_is_written_down,
                keys_that_are_not_revoked_are_listed,
                pages_follow_one_another,
                an_unknown_cursor_is_refused,
                hard_names_are_kept_exactly,
            }
            audit {
                every_field_is_kept,
                an_event_is_recorded_once,
                counts_add_up,
                events_are_filtered,
                pages_follow_one_another,
                an_unknown_cursor_is_refused,
                old_clients_are_forgotten,
            }
            conversations {
                every_field_is_kept,
                a_bare_conversation_is_kept,
                a_foreign_conversation_is_missing,
                an_expired_conversation_is_missing,
                the_list_is_by_last_activity,
                the_list_holds_the_owners_only,
                the_list_leaves_out_the_expired,
                pages_follow_one_another,
                conversations_of_one_moment_are_listed_once_each,
                an_unknown_cursor_is_refused,
            }
            accept {
                a_question_is_stored_and_runs,
                turns_are_numbered_and_chained,
                the_conversation_moves_on,
                the_conversations_own_time_to_live_counts,
                the_answerer_is_told_the_conversations_model_and_prompt,
                a_missing_conversation_is_not_found,
                a_foreign_conversation_is_not_found,
                an_expired_conversation_is_not_found,
                a_running_turn_keeps_the_conversation_busy,
                of_a_hundred_at_once_one_is_accepted,
                two_hundred_conversations_are_served_at_once,
                a_refused_question_spoils_no_other,
                a_lost_acknowledgement_is_given_again,
                hard_questions_are_kept_exactly,
            }
            current {
                a_first_question_makes_a_conversation,
                the_conversation_goes_on,
                another_session_goes_on_where_the_user_was,
                the_latest_is_the_last_active_one,
                the_sessions_own_conversation_comes_first,
                an_expired_conversation_is_left_behind,
                somebody_elses_conversation_never_goes_on,
                first_questions_at_once_make_one_conversation,
                a_lost_acknowledgement_is_given_again,
            }
            context {
                it_is_newest_first,
                it_is_as_long_as_wanted,
                it_holds_whatever_was_answered,
                turns_without_an_answer_take_no_place,
                it_leaves_out_the_expired,
                it_has_what_fits_the_budget,
                it_stays_within_the_conversation,
                it_has_the_turn_that_ends_meanwhile,
                its_tokens_are_the_questions_and_the_answers,
            }
            idempotency {
                a_repeated_request_is_in_progress_and_then_replayed,
                a_replay_comes_before_anything_else,
                the_key_of_an_expired_turn_is_gone,
                another_request_may_not_use_the_key,
                a_key_is_its_users_own,
                a_failure_releases_the_key,
                a_turn_cancelled_without_output_releases_the_key,
                a_refused_question_claims_no_key,
                a_key_holds_for_a_day,
                a_late_failure_releases_no_later_claim,
                of_fifty_at_once_one_is_accepted,
                of_fifty_first_questions_at_once_one_is_accepted,
                of_fifty_different_requests_at_once_one_is_accepted,
                a_lost_acknowledgement_is_given_again,
            }
            finish {
                every_end_is_kept,
                every_part_is_kept,
                the_largest_counts_are_kept,
                the_model_that_answered_is_kept,
                another_process_ends_nothing,
                an_unknown_turn_is_lost,
                the_same_end_is_stored_twice,
                another_end_comes_too_late,
                the_conversation_is_free_again,
                a_lost_end_spoils_no_other,
                hard_answers_are_kept_exactly,
            }
            pieces {
                a_running_turn_shows_its_text_so_far,
                a_piece_is_stored_once,
                a_longer_piece_takes_the_place_of_a_shorter_one,
                pieces_may_overtake_each_other,
                pieces_of_many_turns_are_kept_apart,
                the_end_replaces_the_pieces,
                a_piece_of_another_process_is_left_alone,
                a_late_piece_changes_nothing,
            }
            leases {
                a_living_process_keeps_its_turns,
                a_reaper_keeps_its_own_turns,
                a_process_that_never_renewed_is_dead,
                a_lease_without_time_is_no_lease,
                a_released_lease_is_over_at_once,
                a_renewed_lease_holds_again,
                a_reaped_turn_keeps_its_text,
                a_reaped_turn_keeps_its_parts,
                a_reaped_turn_is_an_answer_for_its_key,
                a_late_end_of_a_reaped_turn_is_lost,
                reapers_at_once_close_each_turn_once,
            }
            beats {
                a_wish_to_stop_is_told_to_the_turns_process,
                a_turn_that_was_closed_elsewhere_is_told_to_its_process,
                what_has_ended_is_not_stopped,
                only_its_owner_stops_a_turn,
                sessions_that_are_over_are_told,
                keys_that_are_over_are_told,
                credentials_of_the_disabled_are_told,
                a_turn_is_followed_piece_by_piece,
                a_piece_that_has_grown_is_told_again,
                ends_are_told,
            }
            turns {
                a_foreign_turn_is_missing,
                an_expired_turn_is_missing,
                turns_are_listed_by_number,
                pages_follow_one_another,
                an_expired_turn_is_not_listed,
                a_conversation_without_turns_is_an_empty_list,
                a_list_that_is_not_there_is_not_found,
                an_unknown_cursor_is_refused,
            }
            usage {
                ended_turns_are_counted_by_day_and_model,
                every_answer_counts_and_no_failure_does,
                the_model_that_is_stored_is_counted,
                an_end_is_counted_once,
                a_reaped_turn_is_counted_once,
                a_day_ends_at_midnight,
                a_period_includes_both_its_days,
                the_tokens_of_a_day_are_those_of_all_models,
                turns_that_end_at_once_are_all_counted,
                the_largest_counts_are_summed,
            }
            erasures {
                an_account_goes_with_all_it_had,
                an_account_is_over_from_the_beginning,
                a_running_turn_is_waited_for,
                turns_of_the_dead_go,
                the_last_admin_stays,
                only_what_has_begun_goes,
                what_was_left_is_found,
            }
            exports {
                an_export_is_read_as_it_was_written,
                one_is_written_at_a_time,
                a_foreign_export_is_missing,
                another_process_writes_nothing,
                an_export_of_a_dead_process_has_failed,
                a_new_export_takes_the_place_of_the_last,
                an_expired_export_goes,
            }
            records {
                conversations_are_read_in_full,
                turns_are_read_in_full,
                credentials_are_read_in_full,
            }
            retention {
                keys_go_when_they_are_long_over,
                sessions_are_kept_for_a_while,
            }
            signing_keys {
                an_added_key_is_listed,
                a_name_is_given_once,
                keys_are_listed_oldest_first,
                a_retired_key_stays_in_the_list,
                an_unknown_key_is_not_retired,
                a_key_needs_a_successor,
                of_two_successors_one_stays,
            }
            health {
                a_store_that_works_says_so,
            }
        }
    };
    (@cases $test:meta, $store:ident; $($area:ident { $($case:ident,)+ })+) => {
        $(
            mod $area {
                use super::$store;

                $(
                    #[$test]
                    async fn $case() {
                        $crate::contract::$area::$case($store().await).await;
                    }
                )+
            }
        )+
    };
}
