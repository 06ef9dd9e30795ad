//! Every row of the table in docs/SECURITY.md that is shown from outside, a file for each.

mod s01_same_answer;
mod s08_fixation;
mod s09_password_change;
mod s10_recent_authentication;
mod s11_first_admin;
mod s12_mass_assignment;
mod s17_token_classes;
mod s18_logout;
mod s19_demotion_and_disabling;
mod s20_refresh_reuse;
mod s21_parallel_refresh;
mod s22_lifetimes;
mod s23_nothing_usable_at_rest;
mod s27_object_authorization;
mod s28_function_authorization;
mod s29_api_keys;
mod s30_last_admin;
mod s31_cookies;
mod s32_csrf;
mod s33_reading_changes_nothing;
mod s35_socket_origin;
mod s40_malformed_input;
mod s43_tokens_per_day;
mod s45_audit;
mod s45_insert_only;
